"""`copier update` of an edited service equals the new version with the same edits."""

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pexpect
import pytest

from template import (
    COPIER,
    ROOT,
    attempt,
    clean_environment,
    commit,
    contents,
    copy_templated_files,
    copy_working_tree,
    files,
    git,
    run,
)
from variants import values

NEW = "v999.0.0"
CHANGED = ("templates", "copier.yml")
ANSWERS, SECRETS = ".copier-answers.yml", ".env"
# The first command of `just check`.
FIND_CONFLICTS = (sys.executable, "-m", "tools.conflicts")
# What `just new-module invoices` writes into files of the template.
REGISTER = """
from tools.new_module.__main__ import registered
for path, text in registered("invoices").items():
    path.write_text(text)
"""


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, str]:
    """Return a clone with the working tree committed, and the parent of the last template change.

    Without such a parent (first commit, shallow clone) use `scripted`.
    """
    repository = tmp_path / "template"
    run("git", "clone", "--quiet", "--no-tags", ROOT, repository, cwd=tmp_path)
    for name in git(repository, "ls-files").splitlines():
        (repository / name).unlink()
    copy_working_tree(repository)
    commit(repository, "The working tree", tag=NEW)
    last = git(repository, "log", "-1", "--format=%H", NEW, "--", *CHANGED)
    parents = git(repository, "rev-list", "--parents", "-1", last).split()[1:]
    return (repository, parents[0]) if parents else scripted(repository)


def scripted(repository: Path) -> tuple[Path, str]:
    """Create an older version: without every tenth file and without some lines of others."""
    git(repository, "tag", "--delete", NEW)
    layered = [name for name in files() if name.startswith("templates/{{layer.")]
    for name in layered[::10]:
        (repository / name).unlink()
    for name in layered[5::10]:
        if name.endswith((".py", ".md")):
            lines = (repository / name).read_text().splitlines(keepends=True)
            (repository / name).write_text("".join(lines[:8] + lines[12:]))
    commit(repository, "An older version", tag="v0.0.1")
    copy_working_tree(repository)
    commit(repository, "The working tree", tag=NEW)
    return repository, "v0.0.1"


@pytest.mark.slow
@pytest.mark.parametrize("engine", values("jobs"))
def test_update_from_the_previous_commit_keeps_edits(
    engine: str, history: tuple[Path, str], tmp_path: Path
) -> None:
    check_update(*history, engine, tmp_path)


def test_update_from_a_scripted_version_keeps_edits(tmp_path: Path) -> None:
    repository = tmp_path / "template"
    copy_working_tree(repository)
    commit(repository, "The working tree", tag=NEW)
    check_update(*scripted(repository), values("jobs")[0], tmp_path)


def check_update(repository: Path, old: str, engine: str, tmp_path: Path) -> None:
    service, fresh = tmp_path / "service", tmp_path / "fresh"
    for reference, target in ((old, service), (NEW, fresh)):
        # Stated, since the defaults of the two versions can differ.
        chosen = ("-d", f"framework={values('framework')[0]}", "-d", f"jobs={engine}")
        options = ("--defaults", *chosen, f"--vcs-ref={reference}")
        run(COPIER, "copy", *options, repository, target, cwd=tmp_path)
    commit(service, "Generate")

    editable = with_equal_start(contents(service), contents(fresh))
    assert len(editable) > 10, "expected more than 10 files with equal first lines in both versions"
    dropped, edited = (
        editable[len(editable) // 2],
        [n for n in editable if n != editable[len(editable) // 2]],
    )
    edit(service, edited, dropped)
    secrets = "SECRET_KEY=the-users-own-secret\n"
    (service / SECRETS).write_text(secrets)
    commit(service, "A user's edits")

    run(COPIER, "update", "--defaults", cwd=service)

    assert git(service, "diff", "--name-only", "--diff-filter=U") == ""
    edit(fresh, edited, dropped)
    (fresh / SECRETS).write_text(secrets)
    updated, expected = contents(service), contents(fresh)
    assert set(updated) == set(expected)
    assert {name for name in expected if updated[name] != expected[name]} == set()


def with_equal_start(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Return the files with equal first lines, so that one edit applies to both versions."""
    return [
        name
        for name in one
        if name.endswith((".py", ".md", "justfile"))
        and name in other
        and one[name].count(b"\n") > 5
        and one[name].splitlines()[:6] == other[name].splitlines()[:6]
    ]


def edit(project: Path, edited: Iterable[str], dropped: str) -> None:
    """Change files, add one in a directory of the template, and delete one."""
    for name in edited:
        file = project / name
        file.write_text(f"# Edited by the user\n{file.read_text()}")
    (project / dropped).unlink()
    added = (project / dropped).with_name("added_by_the_user.py")
    added.parent.mkdir(parents=True, exist_ok=True)
    added.write_text("MINE = True\n")


@pytest.fixture(scope="module")
def flask_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service whose template has a newer version."""
    folder = tmp_path_factory.mktemp("framework")
    copy_templated_files(folder / "template")
    commit(folder / "template", "First", tag="v1.0.0")
    run(COPIER, "copy", "--defaults", "-d", "framework=flask", "template", "svc", cwd=folder)
    answers = folder / "svc" / ANSWERS
    answers.write_text(answers.read_text().replace("_src_path: template", "_src_path: ../template"))
    commit(folder / "svc", "Generate")
    (folder / "template" / "templates" / "{{layer.base}}" / "added.md").write_text("Added.\n")
    commit(folder / "template", "Newer", tag="v2.0.0")
    return folder / "svc"


@pytest.mark.parametrize(
    "operation", [["update"], ["update", "--vcs-ref=:current:"], ["recopy", "--overwrite"]]
)
def test_change_of_the_framework_is_refused(operation: list[str], flask_service: Path) -> None:
    change = ("--defaults", "-d", "framework=django")
    done = attempt(COPIER, *operation, *change, cwd=flask_service)
    assert done.returncode != 0
    assert "Generate a new service with django, and move your modules there" in done.stdout
    assert git(flask_service, "status", "--porcelain", "--ignored") == "!! .env"


@pytest.mark.parametrize("operation", [["update"], ["recopy", "--overwrite"]])
@pytest.mark.parametrize("answer", ["framework=flask", "jobs=arq"])
def test_update_with_the_same_framework_is_accepted(
    operation: list[str], answer: str, flask_service: Path, tmp_path: Path
) -> None:
    for folder in ("svc", "template"):
        shutil.copytree(flask_service.with_name(folder), tmp_path / folder)
    run(COPIER, *operation, "--defaults", "-d", answer, cwd=tmp_path / "svc")
    assert (tmp_path / "svc" / "added.md").is_file()
    assert answer.replace("=", ": ") in (tmp_path / "svc" / ANSWERS).read_text()


def test_update_does_not_ask_for_the_framework(flask_service: Path) -> None:
    child = pexpect.spawn(
        str(COPIER),
        ["update"],
        cwd=flask_service,
        env=clean_environment() | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        dimensions=(40, 200),
        encoding="utf-8",
        timeout=60,
    )
    child.expect_exact("What are you building?")
    child.send("\r")
    child.expect_exact("What is it called?")
    assert "Which web framework?" not in str(child.before)
    child.close(force=True)


@pytest.mark.slow
def test_service_generated_as_in_the_readme_can_be_updated(released: Path, tmp_path: Path) -> None:
    repository = tmp_path / "copier-saas"
    shutil.copytree(released, repository)
    readme = (ROOT / "README.md").read_text()
    (commands,) = re.findall(r"```bash\n(uvx copier copy .*?)uv run just dev", readme, re.DOTALL)
    assert "$PWD" in commands
    commands = commands.replace("uvx copier copy", f"'{COPIER}' copy --defaults")
    run("bash", "-ec", commands, cwd=repository)
    service = tmp_path / "svc"
    assert git(service, "status", "--porcelain") == ""

    (repository / "templates" / "{{layer.base}}" / "added.md").write_text("Added.\n")
    commit(repository, "Newer", tag=NEW)
    run(COPIER, "update", "--defaults", cwd=service)
    assert (service / "added.md").is_file()


@pytest.mark.slow
def test_features_change_beside_a_module_of_the_service(released: Path, tmp_path: Path) -> None:
    """The template and `new-module` add lines to the same lists, not at the same place."""
    service = tmp_path / "svc"
    options = ("--defaults", "-d", "framework=django", "-d", "features=[]")
    run(COPIER, "copy", *options, released, service, cwd=tmp_path)
    commit(service, "Generate")
    run(sys.executable, "-c", REGISTER, cwd=service)
    commit(service, "Add invoices")
    lists = ("src/app/modules.py", "tests/creations.py")
    for features in ("exports,dashboard", "dashboard", ""):
        run(COPIER, "update", "--defaults", "-d", f"features=[{features}]", cwd=service)
        run(*FIND_CONFLICTS, cwd=service)
        commit(service, features or "None")
        for name in lists:
            text = (service / name).read_text()
            assert '"invoices"' in text
            assert ('"exports"' in text) == ("exports" in features)
        assert (service / "src/app/dashboard").exists() == ("dashboard" in features)


@pytest.mark.slow
def test_conflict_of_an_update_fails_the_check(released: Path, tmp_path: Path) -> None:
    repository, service = tmp_path / "template", tmp_path / "svc"
    shutil.copytree(released, repository)
    run(COPIER, "copy", "--defaults", repository, service, cwd=tmp_path)
    commit(service, "Generate")
    run(*FIND_CONFLICTS, cwd=service)

    runbook = service / "docs" / "runbook.md"
    upstream = repository / "templates" / "{{layer.base}}" / "docs" / "runbook.md"
    for file, title in ((runbook, "# Ours"), (upstream, "# Theirs")):
        file.write_text(title + file.read_text().partition("\n")[2])
    commit(service, "A user's edit")
    commit(repository, "Newer", tag=NEW)
    run(COPIER, "update", "--defaults", "--conflict=inline", cwd=service)
    assert "docs/runbook.md:1: <<<<<<< before updating" in refusal(service)

    git(service, "reset", "--quiet", "--hard")
    run(COPIER, "update", "--defaults", "--conflict=rej", cwd=service)
    assert "docs/runbook.md.rej" in git(service, "status", "--porcelain")
    assert "docs/runbook.md.rej\n" in refusal(service)


def test_update_command_updates_with_copier(flask_service: Path, tmp_path: Path) -> None:
    service, programs = tmp_path / "svc", tmp_path / "bin"
    for folder in ("svc", "template"):
        shutil.copytree(flask_service.with_name(folder), tmp_path / folder)
    # Plain files are not in this template.
    tools = ROOT / "templates" / "{{layer.base}}" / "tools"
    for name in ("conflicts.py", "update_template.py"):
        shutil.copyfile(tools / name, service / "tools" / name)
    programs.mkdir()
    for program, text in (("uvx", f'shift; exec "{COPIER}" "$@"'), ("uv", 'echo "uv $*"')):
        (programs / program).write_text(f"#!/bin/sh\n{text}\n")
        (programs / program).chmod(0o755)
    module = (sys.executable, "-m", "tools.update_template", "--defaults")
    command = ("bash", "-c", 'PATH="$0:$PATH" exec "$@"', str(programs), *module)

    refused = attempt(*command, cwd=service)
    assert refused.returncode != 0
    assert "commit or stash all changes first" in refused.stdout
    commit(service, "The update command")
    printed = run(*command, cwd=service)
    assert (service / "added.md").is_file()
    assert "uv lock\nuv run just adopt-migrations\nuv run just fix\nuv run just check\n" in printed


def refusal(service: Path) -> str:
    done = attempt(*FIND_CONFLICTS, cwd=service)
    assert done.returncode != 0, "expected the check to find the conflict"
    return done.stdout


def test_copy_from_a_relative_path_warns(tmp_path: Path) -> None:
    copy_templated_files(tmp_path / "template")
    for source, warns in (("template", True), (str(tmp_path / "template"), False)):
        printed = run(COPIER, "copy", "--defaults", source, "svc", cwd=tmp_path)
        assert ("will not find the template" in printed) == warns
        shutil.rmtree(tmp_path / "svc")


def test_check_update_reports_a_newer_version(released: Path, tmp_path: Path) -> None:
    repository = tmp_path / "template"
    shutil.copytree(released, repository)
    run(COPIER, "copy", "--defaults", repository, "svc", cwd=tmp_path)
    commit(tmp_path / "svc", "Generate")
    assert "up-to-date" in run(COPIER, "check-update", cwd=tmp_path / "svc")
    commit(repository, "Newer", tag=NEW)
    assert "999" in run(COPIER, "check-update", cwd=tmp_path / "svc")
