"""`copier copy` as in the README: without prompts, --trust or network, in a few seconds."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from template import COPIER, attempt, clean_environment, questions, run, version
from variants import Render, covering, default_variant, every_variant, values


def answers_of(project: Path) -> dict[str, Any]:
    loaded: dict[str, str] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return loaded


@pytest.mark.parametrize("engine", values("jobs"))
def test_copy_from_a_tag_needs_no_prompt_or_trust(
    engine: str, released: Path, tmp_path: Path
) -> None:
    before = os.times()
    printed = run(
        COPIER, "copy", "--defaults", "-d", f"jobs={engine}", released, "svc", cwd=tmp_path
    )
    after = os.times()
    # CPU time instead of wall time, since other tests run at the same time.
    assert after.children_user - before.children_user < 8
    assert after.children_system - before.children_system < 2
    answers = answers_of(tmp_path / "svc")
    assert answers["jobs"] == engine
    assert answers["_commit"] == f"v{version()}"
    for command in ("cd svc", "git init", "uv run just dev"):
        assert command in printed


def test_command_line_and_fixture_render_equal_services(
    released: Path, render: Render, tmp_path: Path
) -> None:
    run(COPIER, "copy", "--defaults", released, "svc", cwd=tmp_path)
    expected = render(default_variant())
    difference = attempt(
        "diff", "--recursive", "--brief", "--exclude=.env", expected, "svc", cwd=tmp_path
    )
    assert difference.stdout == ""


def test_copy_reads_a_data_file(released: Path, tmp_path: Path) -> None:
    given = covering(every_variant())[-1].answers | {
        "project_name": "Écume: #1 {{ 7 * 7 }}",
        "author_email": "us@example.org",
    }
    (tmp_path / "answers.yml").write_text(yaml.safe_dump(given, allow_unicode=True))
    run(COPIER, "copy", "--defaults", "--data-file=answers.yml", released, "svc", cwd=tmp_path)
    assert answers_of(tmp_path / "svc").items() >= given.items()


def test_invalid_answer_creates_no_service(released: Path, tmp_path: Path) -> None:
    done = attempt(
        COPIER, "copy", "--defaults", "-d", "project_slug=Not A Slug", released, "svc", cwd=tmp_path
    )
    assert done.returncode != 0
    assert "Use a-z, 0-9 and single dashes" in done.stdout
    assert not (tmp_path / "svc").exists()


@pytest.fixture
def terminal(released: Path, tmp_path: Path) -> "Iterator[pexpect.spawn[str]]":
    child = pexpect.spawn(
        str(COPIER),
        ["copy", str(released), "svc"],
        cwd=tmp_path,
        env=clean_environment() | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        dimensions=(40, 200),
        encoding="utf-8",
        timeout=20,
    )
    yield child
    child.close(force=True)


def test_terminal_prompts_accept_and_validate_answers(
    terminal: "pexpect.spawn[str]", tmp_path: Path
) -> None:
    """Accept all defaults, except for the slug, after an invalid one, and the job engine."""
    slug_rejected = False
    for name, question in questions().items():
        if not question.get("when", True):
            continue
        terminal.expect_exact(question["help"].partition("?")[0] + "?")
        if name == "project_slug":
            terminal.send("\x15Not A Slug\r")
            terminal.expect_exact("Use a-z, 0-9 and single dashes")
            terminal.send("\x15by-hand\r")
            slug_rejected = True
        elif name == "jobs":
            terminal.send("\x1b[B\r")
        else:
            terminal.send("\r")
    terminal.expect_exact("uv run just dev")
    terminal.expect(pexpect.EOF)
    assert slug_rejected
    answers = answers_of(tmp_path / "svc")
    assert answers["project_slug"] == "by-hand"
    assert answers["jobs"] == values("jobs")[1]
    assert answers["project_name"] == questions()["project_name"]["default"]


def test_first_commit_contains_no_secret(render: Render, tmp_path: Path) -> None:
    """Run the git commands of `_message_after_copy`."""
    project = tmp_path / "svc"
    subprocess.run(["cp", "-r", render(every_variant()[0]), project], check=True)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Generate"]):
        run("git", *command, cwd=project)
    tracked = run("git", "ls-files", cwd=project).splitlines()
    assert ".copier-answers.yml" in tracked
    assert ".env.example" in tracked
    assert ".env" not in tracked
    assert run("git", "status", "--porcelain", cwd=project) == ""
