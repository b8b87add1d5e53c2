"""Migrations of `copier update`: steps, registration, and when --trust is required."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from hooks.edits import files
from hooks.migrate import run as migrate
from hooks.project import Project
from hooks.steps import Move, RenameAnswer, ReplaceChoice, Step, keep
from hooks.versions import MIGRATIONS
from template import (
    COPIER,
    ROOT,
    attempt,
    commit,
    configuration,
    copy_templated_files,
    git,
    run,
)

ANSWERS = """\
# Written by Copier
_commit: v1.0.0
jobs: celery
jobs_note: 'jobs: celery'
project_description: A service with a description that is so long that YAML takes
    jobs: two lines for it
python_version: '3.13'
"""


GENERATED = {
    ".copier-answers.yml": ANSWERS,
    "docs/a.md": "Title\n\nText\n\nEnd\n",
    "docs/b.md": "B\n",
    "docs/c.md": "C\n",
}


def write(root: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def read(root: Path, folder: str) -> dict[str, str]:
    return {name: (root / name).read_text() for name in sorted(files(root, folder))}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a service in git with a few unedited files."""
    write(tmp_path / "svc", GENERATED)
    write(tmp_path / "as generated", GENERATED)
    commit(tmp_path / "svc", "Generate")
    project = Project(tmp_path / "svc")
    project.as_generated = tmp_path / "as generated"
    return project


def answers(project: Project) -> str:
    return (project.root / project.answers_file).read_text()


def test_rename_answer_is_idempotent(project: Project) -> None:
    for _ in range(2):
        RenameAnswer("jobs", "engine").before(project)
        assert answers(project) == ANSWERS.replace("\njobs: celery", "\nengine: celery")


def test_rename_answer_keeps_an_existing_answer(project: Project) -> None:
    RenameAnswer("jobs", "python_version").before(project)
    assert answers(project) == ANSWERS


def test_rename_answer_ignores_a_missing_answer(project: Project) -> None:
    RenameAnswer("job", "engine").before(project)
    assert answers(project) == ANSWERS


@pytest.mark.parametrize(
    ("question", "old", "new", "line"),
    [
        ("jobs", "celery", "taskiq", "jobs: taskiq"),
        ("python_version", "3.13", "3.14", "python_version: '3.14'"),
        ("jobs", "arq", "taskiq", "jobs: celery"),
    ],
)
def test_replace_choice_is_idempotent(
    project: Project, question: str, old: str, new: str, line: str
) -> None:
    for _ in range(2):
        ReplaceChoice(question, old, new).before(project)
        assert line in answers(project).splitlines()
        assert len(set(answers(project).splitlines()) - set(ANSWERS.splitlines())) <= 1


def update(project: Project, new_files: dict[str, str], *steps: Step) -> None:
    """Simulate an update; each stage runs twice, as after an interruption."""
    for step in (*steps, *steps):
        step.before(project)
    for name in files(project.as_generated, "."):
        (project.root / name).unlink(missing_ok=True)
    write(project.root, new_files)
    for step in (*steps, *steps):
        step.after(project)


def test_move_merges_the_edits_into_the_new_version(project: Project) -> None:
    write(project.root, {"docs/a.md": "Title\n\nMy text\n\nEnd\n", "docs/mine.md": "Mine\n"})
    (project.root / "docs" / "c.md").unlink()
    commit(project.root, "Edit")
    new = {"guide/a.md": "Title\n\nText\n\nNew end\n", "guide/b.md": "New\n", "guide/c.md": "C\n"}
    update(project, new, Move("docs", "guide"))
    assert not files(project.root, "docs")
    assert read(project.root, "guide") == {
        "guide/a.md": "Title\n\nMy text\n\nNew end\n",
        "guide/b.md": "New\n",
        "guide/mine.md": "Mine\n",
    }


def test_moves_of_several_versions_are_combined(project: Project) -> None:
    write(project.root, {"docs/a.md": "Title\n\nMy text\n\nEnd\n"})
    commit(project.root, "Edit")
    steps = (Move("docs/a.md", "guide/a.md"), Move("guide", "manual"))
    update(project, {"manual/a.md": "Title\n\nText\n\nEnd\n"}, *steps)
    assert read(project.root, "manual") == {"manual/a.md": "Title\n\nMy text\n\nEnd\n"}


def test_move_marks_a_conflict_in_the_index(project: Project) -> None:
    write(project.root, {"docs/a.md": "Title\n\nMy text\n\nEnd\n"})
    commit(project.root, "Edit")
    update(project, {"a.md": "Title\n\nTheir text\n\nEnd\n"}, Move("docs/a.md", "a.md"))
    text = (project.root / "a.md").read_text()
    assert "My text" in text
    assert "Their text" in text
    assert git(project.root, "diff", "--name-only", "--diff-filter=U") == "a.md"


def test_move_keeps_an_edited_binary_file(project: Project) -> None:
    (project.root / "docs" / "a.md").write_bytes(b"mine\0")
    commit(project.root, "Edit")
    update(project, {"a.md": "theirs"}, Move("docs/a.md", "a.md"))
    assert (project.root / "a.md").read_bytes() == b"mine\0"


def test_move_does_not_overwrite_user_files(project: Project) -> None:
    write(project.root, {"docs/mine.md": "Mine\n", "guide/mine.md": "Also mine\n"})
    commit(project.root, "Edit")
    update(project, {}, Move("docs", "guide"))
    assert (project.root / "docs" / "mine.md").read_text() == "Mine\n"
    assert (project.root / "guide" / "mine.md").read_text() == "Also mine\n"


def test_keep_restores_edited_files_only(project: Project) -> None:
    write(project.root, {"docs/a.md": "Mine\n"})
    commit(project.root, "Edit")
    update(project, {}, keep("docs"))
    assert read(project.root, "docs") == {"docs/a.md": "Mine\n"}


def test_runner_runs_steps_in_order_and_deletes_its_state(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [RenameAnswer("jobs", "engine"), ReplaceChoice("engine", "celery", "taskiq")]
    monkeypatch.setitem(MIGRATIONS, "2.0.0", steps)
    migrate("before", "2.0.0", project)
    assert "engine: taskiq" in answers(project)
    migrate("after", "2.0.0", project)
    assert not project.state.exists()


def test_registered_versions_equal_those_in_copier_yml() -> None:
    configured = configuration()["_migrations"]
    assert [str(entry["version"]) for entry in configured] == list(MIGRATIONS)
    assert all(entry | {"version": "2.0.0"} == MIGRATION for entry in configured)


# The entry documented in docs/updating.md.
MIGRATION = {
    "version": "2.0.0",
    "command": [
        "{{ _copier_python }}",
        "{{ _copier_conf.src_path }}/hooks/migrate.py",
        "{{ _stage }}",
        "{{ _version_current }}",
        "{{ _copier_conf.answers_file }}",
    ],
    "when": True,  # in both stages
}
LAYER = Path("templates/{{layer.base}}")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template with versions 1.0.0, 1.1.0 and 2.0.0.

    2.0.0 renames a file and a question.
    """
    repository = tmp_path_factory.mktemp("versions") / "template"
    copy_templated_files(repository)
    guide = "# Guide\n\n" + "".join(f"Line {number} of the guide.\n" for number in range(30))
    (repository / LAYER / "docs").mkdir(parents=True, exist_ok=True)
    (repository / LAYER / "docs" / "guide.md").write_text(guide)
    commit(repository, "First", tag="v1.0.0")

    (repository / LAYER / "docs" / "guide.md").write_text(
        guide.replace("Line 25 of", "Line 25, corrected, of")
    )
    commit(repository, "Compatible", tag="v1.1.0")

    git(repository, "mv", str(LAYER / "docs" / "guide.md"), str(LAYER / "docs" / "handbook.md"))
    for file in [repository / "copier.yml", *(repository / "templates").rglob("*.jinja")]:
        if file.is_file():
            text = file.read_text()
            file.write_text(text.replace("author_name", "maintainer"))
    copier_yml = repository / "copier.yml"
    entry = yaml.safe_dump([MIGRATION], width=1000, sort_keys=False)
    copier_yml.write_text(copier_yml.read_text().replace(" []", f"\n{entry}", 1))
    (repository / "hooks" / "versions.py").write_text(
        "from hooks.steps import Move, RenameAnswer, Step\n\n"
        "MIGRATIONS: dict[str, list[Step]] = {\n"
        '    "2.0.0": [\n'
        '        Move("docs/guide.md", "docs/handbook.md"),\n'
        '        RenameAnswer("author_name", "maintainer"),\n'
        "    ],\n"
        "}\n"
    )
    commit(repository, "Breaking", tag="v2.0.0")
    return repository


@pytest.fixture
def service(versions: Path, tmp_path: Path) -> Path:
    """Return a service of version 1.0.0 with an edit of the file that 2.0.0 renames."""
    service = tmp_path / "svc"
    run(
        COPIER, "copy", "--defaults", "--vcs-ref=v1.0.0", "-d", "author_name=Ada L.",
        versions, service, cwd=tmp_path,
    )  # fmt: skip
    commit(service, "Generate")
    guide = service / "docs" / "guide.md"
    guide.write_text(guide.read_text().replace("Line 3 of", "Line 3, by the user, of"))
    commit(service, "A user's edit")
    return service


def test_update_without_migration_needs_no_trust(service: Path) -> None:
    run(COPIER, "update", "--defaults", "--vcs-ref=v1.1.0", cwd=service)
    text = (service / "docs" / "guide.md").read_text()
    assert "Line 3, by the user, of" in text
    assert "Line 25, corrected, of" in text


def test_update_across_a_migration_without_trust_changes_nothing(service: Path) -> None:
    done = attempt(COPIER, "update", "--defaults", "--vcs-ref=v2.0.0", cwd=service)
    assert done.returncode == 4
    assert "--trust" in done.stdout
    assert git(service, "status", "--porcelain") == ""


@pytest.mark.parametrize("stop", [[], ["v1.1.0"]], ids=["in one go", "in two steps"])
def test_update_with_trust_moves_edits_to_the_renamed_file(service: Path, stop: list[str]) -> None:
    for reference in stop:
        run(COPIER, "update", "--defaults", f"--vcs-ref={reference}", cwd=service)
        commit(service, "Update")
    run(COPIER, "update", "--defaults", "--trust", "--vcs-ref=v2.0.0", cwd=service)

    assert git(service, "diff", "--name-only", "--diff-filter=U") == ""
    assert not (service / "docs" / "guide.md").exists()
    text = (service / "docs" / "handbook.md").read_text()
    assert "Line 3, by the user, of" in text
    assert "Line 25, corrected, of" in text
    recorded = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert recorded["maintainer"] == "Ada L."
    assert "author_name" not in recorded
    assert not list(service.rglob("*.rej"))


def test_update_after_the_migration_needs_no_trust(service: Path) -> None:
    run(COPIER, "update", "--defaults", "--trust", "--vcs-ref=v2.0.0", cwd=service)
    commit(service, "Update")
    run(COPIER, "update", "--defaults", cwd=service)
    assert git(service, "status", "--porcelain") == ""


def test_runner_needs_no_third_party_package(project: Project, tmp_path: Path) -> None:
    """Copier's environment lacks the development dependencies of this repository."""
    shutil.copytree(ROOT / "hooks", tmp_path / "hooks")
    with (tmp_path / "hooks" / "versions.py").open("a") as file:
        file.write("from hooks.steps import RenameAnswer\n")
        file.write('MIGRATIONS["2.0.0"] = [RenameAnswer("jobs", "engine")]\n')
    runner = (sys.executable, "-I", "-S", tmp_path / "hooks" / "migrate.py")
    run(*runner, "before", "2.0.0", ".copier-answers.yml", cwd=project.root)
    assert "engine: celery" in answers(project)
