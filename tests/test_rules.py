"""Each of the twelve rules is violated deliberately; `just check` must name the rule."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from conftest import once
from template import UV, clean_environment, commit, git, run
from variants import Render, runnable
from violations import FRAMEWORK_CASES, IMPORTS, SOURCES, FrameworkCase, Violation

pytestmark = pytest.mark.slow

# Flask shares FastAPI's checks, except for those of routes. The violations are in every module.
VARIANTS = {
    framework: next(
        variant
        for variant in runnable()
        if variant.answers["framework"] == framework and not variant.features_off()
    )
    for framework in FRAMEWORK_CASES
}
# The other commands (mypy, migrations on a database) are slow and enforce no rule.
CHECKS = ("ruff", "lint-imports", "pytest")


def imports(framework: str) -> tuple[Violation, ...]:
    """Return the violations that import-linter and ruff must find."""
    engine = VARIANTS[framework].answers["jobs"]
    engine_in_service = Violation(
        7,
        "a service imports the job engine",
        "src/app/projects/service.py",
        imports=f"import {engine}",
        end=f"USED = {engine}",
    )
    return (*IMPORTS, engine_in_service, *FRAMEWORK_CASES[framework].imports)


def sources(framework: str) -> tuple[Violation, ...]:
    """Return the violations that the tests of the service must find."""
    return (*FRAMEWORK_CASES[framework].sources, *SOURCES)


def batches(framework: str) -> list[list[Violation]]:
    """Group the violations: the first of each rule, the second of each rule, and so on."""
    by_rule = [[v for v in sources(framework) if v.rule == rule] for rule in range(1, 13)]
    rows = zip_longest(*by_rule)
    return [[violation for violation in row if violation] for row in rows]


@pytest.fixture
def case(framework: str) -> FrameworkCase:
    return FRAMEWORK_CASES[framework]


@pytest.fixture
def installed(framework: str, render: Render, shared: Path) -> Path:
    """Return a service with its environment, after its checks have passed and filled caches."""

    def make(project: Path) -> None:
        shutil.copytree(render(VARIANTS[framework]), project)
        run(UV, "venv", "--quiet", "--relocatable", cwd=project)
        run(UV, "sync", "--quiet", "--no-install-project", cwd=project, timeout=300)
        (project / "uv.lock").unlink()
        assert (found := check(project, project)) is None, found

    return once(shared / f"ruled-{framework}", make)


def commands(project: Path) -> Iterator[list[str]]:
    """Yield the commands of the recipe `check` that are in `CHECKS`."""
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
    """Run the checks; return the output of the first that fails, or None."""
    for words in commands(project):
        done = call(project, installed, *words)
        if done.returncode:
            # import-linter lists all contracts first, the broken ones afterwards.
            return done.stdout.partition("Broken contracts")[2] or done.stdout
    return None


def copy(installed: Path, target: Path, violations: Iterable[Violation] = ()) -> Path:
    """Copy the service without its environment, commit it, and apply violations."""
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
def test_forbidden_import_names_its_rule(
    violation: Violation, installed: Path, tmp_path: Path
) -> None:
    found = check(copy(installed, tmp_path / "svc", [violation]), installed)
    assert found is not None
    assert re.search(violation.says or rf"Rule {violation.rule}:", found), found
    others = set(re.findall(r"Rule \d+:", found)) - {f"Rule {violation.rule}:"}
    # This import violates two contracts.
    assert not others or violation.what in {"core imports a module"}, found


@pytest.mark.parametrize(
    ("framework", "batch"),
    [
        pytest.param(framework, batch, id=f"{framework}-{len(batch)}-rules")
        for framework in FRAMEWORK_CASES
        for batch in batches(framework)
    ],
)
def test_violations_name_their_rules(
    batch: list[Violation], installed: Path, tmp_path: Path
) -> None:
    found = check(copy(installed, tmp_path / "svc", batch), installed)
    assert found is not None
    messages = re.split(r"^(?=Rule \d+: )", found, flags=re.MULTILINE)
    for violation in batch:
        assert any(
            message.startswith(f"Rule {violation.rule}: ") and violation.place in message
            for message in messages
        ), f"{violation.what}: not in\n{found}"


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_every_rule_has_a_violation(framework: str) -> None:
    broken = {violation.rule for violation in imports(framework) + sources(framework)}
    assert broken == set(range(1, 13))


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_contracting_migration_is_accepted(
    installed: Path, tmp_path: Path, case: FrameworkCase
) -> None:
    """An unreleased migration may change, and may drop a column if it declares `contract`."""
    project = copy(installed, tmp_path / "svc", [case.contracting])
    assert (found := check(project, installed)) is None, found


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_keys_without_the_organization_name_rule_6(
    installed: Path, tmp_path: Path, case: FrameworkCase
) -> None:
    project = copy(installed, tmp_path / "svc", case.keys)
    done = call(project, installed, "just", "test", "tests/core/db/test_keys.py")
    assert "Rule 6: " in done.stdout, done.stdout
    for violation in case.keys:
        assert violation.place in done.stdout, f"{violation.what}: not in\n{done.stdout}"


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_architecture_document_must_list_all_checks(installed: Path, tmp_path: Path) -> None:
    project = copy(installed, tmp_path / "svc")
    document = project / "ARCHITECTURE.md"
    document.write_text(document.read_text().replace("`contract broker`, ", ""))
    assert "contract broker" in (check(project, installed) or "")


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_check_refuses_conflicts(installed: Path, tmp_path: Path) -> None:
    project = copy(installed, tmp_path / "svc")
    (project / "README.md").write_text("<<<<<<< before updating\n")
    done = call(project, installed, "just", "check")
    assert done.returncode != 0
    assert "README.md:1: <<<<<<< before updating" in done.stdout


@pytest.mark.parametrize("framework", FRAMEWORK_CASES)
def test_new_module_passes_the_checks(installed: Path, tmp_path: Path, case: FrameworkCase) -> None:
    project = copy(installed, tmp_path / "svc")
    for name in ("projects", "sessions", "Invoices", *case.impossible_modules):
        assert call(project, installed, "just", "new-module", name).returncode != 0
    assert git(project, "status", "--porcelain") == "", "expected no file after a refusal"

    done = call(project, installed, "just", "new-module", "invoices")
    assert done.returncode == 0, done.stdout
    assert (found := check(project, installed)) is None, found

    (migration,) = project.glob(case.new_migration)
    text = migration.read_text()
    # The import of the helpers, and the call that adds policies.
    without, removed = re.subn(r".*\bpolicies\b.*\n", "", text)
    assert removed == 2
    migration.write_text(without)
    call(project, installed, "ruff", "check", "--quiet", "--select=I", "--fix", str(migration))
    call(project, installed, "ruff", "format", "--quiet", str(migration))
    assert "Rule 6:" in (check(project, installed) or "")
