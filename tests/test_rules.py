"""Each of the twelve rules is broken on purpose, and the service's own check must say which."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from conftest import once
from template import UV, clean_environment, commit, run
from variants import Render, covering, runnable
from violations import FRAMEWORK_CASES, IMPORTS, SOURCES, FrameworkCase, Violation

pytestmark = pytest.mark.slow

# Flask has FastAPI's checks, but for those of its routes.
VARIANTS = {
    framework: next(v for v in covering(runnable()) if v.answers["framework"] == framework)
    for framework in FRAMEWORK_CASES
}
# The others (mypy, the migrations on a database) are slow, and enforce no rule.
CHECKS = ("ruff", "lint-imports", "pytest")
WIDGET_SCOPES = '    WIDGETS_READ = "widgets:read"\n    WIDGETS_WRITE = "widgets:write"\n'


def imports(framework: str) -> tuple[Violation, ...]:
    """Return what import-linter and ruff must find."""
    engine = VARIANTS[framework].answers["jobs"]
    knows_engine = Violation(
        7,
        "a service knows the engine",
        "src/app/projects/service.py",
        imports=f"import {engine}",
        end=f"USED = {engine}",
    )
    return (*IMPORTS, knows_engine, *FRAMEWORK_CASES[framework].imports)


def sources(framework: str) -> tuple[Violation, ...]:
    """Return what the service's own tests must find."""
    return (*FRAMEWORK_CASES[framework].sources, *SOURCES)


def batches(framework: str) -> list[list[Violation]]:
    """Put the first violation of each rule together, then the second of each, and so on."""
    by_rule = [[v for v in sources(framework) if v.rule == rule] for rule in range(1, 13)]
    rows = zip_longest(*by_rule)
    return [[violation for violation in row if violation] for row in rows]


@pytest.fixture
def case(framework: str) -> FrameworkCase:
    """Tell how the rules are broken in the framework."""
    return FRAMEWORK_CASES[framework]


@pytest.fixture
def installed(framework: str, render: Render, shared: Path) -> Path:
    """Return a service with its environment; the checks have passed, and left their caches."""

    def make(project: Path) -> None:
        shutil.copytree(render(VARIANTS[framework]), project)
        run(UV, "venv", "--quiet", "--relocatable", cwd=project)
        run(UV, "sync", "--quiet", "--no-install-project", cwd=project, timeout=300)
        (project / "uv.lock").unlink()
        assert (found := check(project, project)) is None, found

    return once(shared / f"ruled-{framework}", make)


def commands(project: Path) -> Iterator[list[str]]:
    """Read what `just check` runs."""
    recipe = (project / "justfile").read_text().partition("\ncheck:\n")[2].partition("\n\n")[0]
    found = [line.split() for line in recipe.splitlines()]
    assert {words[0] for words in found} >= set(CHECKS)
    yield from (words for words in found if words[0] in CHECKS)


def call(
    project: Path, installed: Path, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of the installed environment in a copy of the service."""
    tools = installed / ".venv" / "bin"
    variables = clean_environment()
    variables |= {
        "PATH": f"{tools}{os.pathsep}{variables['PATH']}",
        "PYTHONPATH": str(project / "src"),
    }
    return subprocess.run(
        [tools / program, *arguments],
        cwd=project,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def check(project: Path, installed: Path) -> str | None:
    """Run the checks as `just` does, and return what the first that fails has printed."""
    for words in commands(project):
        done = call(project, installed, *words)
        if done.returncode:
            # import-linter lists all contracts first, and then those that are broken.
            return done.stdout.partition("Broken contracts")[2] or done.stdout
    return None


def copy(installed: Path, target: Path, violations: Iterable[Violation] = ()) -> Path:
    """Copy the service without its environment, release it, and break rules in it."""
    shutil.copytree(installed, target, ignore=shutil.ignore_patterns(".venv"))
    commit(target, "Release")
    ruff = installed / ".venv" / "bin" / "ruff"
    for violation in violations:
        violation.apply(target)
        run(ruff, "check", "--quiet", "--select=I", "--fix", violation.file, cwd=target)
        run(ruff, "format", "--quiet", violation.file, cwd=target)
    return target


@pytest.mark.parametrize(
    ("framework", "violation"),
    [
        pytest.param(framework, violation, id=f"{framework}-{violation.rule}-{violation.what}")
        for framework in FRAMEWORK_CASES
        for violation in imports(framework)
    ],
)
def test_import_is_refused(violation: Violation, installed: Path, tmp_path: Path) -> None:
    found = check(copy(installed, tmp_path / "svc", [violation]), installed)
    assert found is not None
    assert re.search(violation.says or rf"Rule {violation.rule}:", found), found
    others = set(re.findall(r"Rule \d+:", found)) - {f"Rule {violation.rule}:"}
    # What is wrong in two ways may be named twice.
    assert not others or violation.what in {"core imports a module"}, found


@pytest.mark.parametrize(
    ("framework", "batch"),
    [
        pytest.param(framework, batch, id=f"{framework}-{len(batch)}-rules")
        for framework in FRAMEWORK_CASES
        for batch in batches(framework)
    ],
)
def test_broken_rules_are_named(batch: list[Violation], installed: Path, tmp_path: Path) -> None:
    found = check(copy(installed, tmp_path / "svc", batch), installed)
    assert found is not None
    messages = re.split(r"^(?=Rule \d+: )", found, flags=re.MULTILINE)
    for violation in batch:
        assert any(
            message.startswith(f"Rule {violation.rule}: ") and violation.place in message
            for message in messages
        ), f"{violation.what}: not in\n{found}"


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_every_rule_is_broken(framework: str) -> None:
    broken = {violation.rule for violation in imports(framework) + sources(framework)}
    assert broken == set(range(1, 13))


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_what_the_rules_allow(installed: Path, tmp_path: Path, case: FrameworkCase) -> None:
    """A migration of one's own may still change, and may contract if it says why."""
    project = copy(installed, tmp_path / "svc", [case.contracting])
    assert (found := check(project, installed)) is None, found


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_the_document_is_read(installed: Path, tmp_path: Path) -> None:
    project = copy(installed, tmp_path / "svc")
    document = project / "ARCHITECTURE.md"
    document.write_text(document.read_text().replace("`contract engine`, ", ""))
    assert "contract engine" in (check(project, installed) or "")


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_the_recipe_for_a_resource(installed: Path, tmp_path: Path, case: FrameworkCase) -> None:
    """What docs/adding-a-resource.md says, to the letter; the edits that it describes by hand."""
    project = copy(installed, tmp_path / "svc")
    recipe = (project / "docs" / "adding-a-resource.md").read_text()
    shell = re.findall(r"```bash\n(.*?)```", recipe, re.DOTALL)
    run("bash", "-ec", shell[0], cwd=project)
    for file, after, put in (
        ("src/app/core/roles.py", '    PROJECTS_WRITE = "projects:write"\n', WIDGET_SCOPES),
        *case.registration,
    ):
        Violation(0, file, file, instead_of=after, put=after + put).apply(project)

    def just(*arguments: str) -> str:
        done = call(project, installed, "just", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert 'just makemigration "Add widgets"' in shell[1]
    just("makemigration", "Add widgets")
    just("fix")
    assert "Rule 6:" in (check(project, installed) or "")

    (made,) = (project / case.migrations).glob("*add_widgets.py")
    (secure,) = re.findall(r"```python\n(.*?)```", recipe, re.DOTALL)
    made.write_text(case.secure(made.read_text(), secure))
    just("fix")
    assert (found := check(project, installed)) is None, found
    assert " passed" in just("test", "tests/widgets")
