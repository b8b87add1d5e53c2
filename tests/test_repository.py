"""Linting, typing, documents and CI of this repository."""

import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from scripts.write_options import TARGET, options
from template import ROOT, RUFF, files, run, version
from variants import values

OWN = [name for name in files() if not name.startswith("templates/")]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_python_passes_ruff() -> None:
    run(RUFF, "check", cwd=ROOT)
    run(RUFF, "format", "--check", cwd=ROOT)


def test_python_passes_mypy() -> None:
    run(sys.executable, "-m", "mypy", cwd=ROOT, timeout=300)


def test_options_document_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == options(), (
        "run: uv run python scripts/write_options.py"
    )


@pytest.mark.parametrize("question", ["framework", "jobs", "python_version"])
def test_readme_lists_the_choices(question: str) -> None:
    offered = ", ".join(f"`{value}`" for value in values(question))
    assert f"| `{question}` | {offered} |" in text("README.md")


@pytest.mark.parametrize("name", [name for name in OWN if name.endswith(".md")])
def test_links_have_existing_targets(name: str) -> None:
    for block in MarkdownIt("commonmark").enable("table").parse(text(name)):
        for inline in block.children or []:
            target = str(inline.attrGet("href") or "").partition("#")[0]
            if target and not re.match(r"[a-z]+:", target):
                assert ((ROOT / name).parent / target).exists(), target


def test_changelog_starts_with_the_current_version() -> None:
    headings = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == version()


def test_ci_runs_the_whole_suite() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert 'uv run pytest "$@"' in text(".ci/run")
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    assert [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step] == [
        ".ci/run"
    ]


def test_actions_are_pinned_by_commit() -> None:
    for name in files():
        if re.search(r"\.github/workflows/.+\.ya?ml", name):
            for used in re.findall(r"uses:\s*(.+)", text(name)):
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} +# v[\d.]+", used), f"{name}: {used}"


def test_no_machine_specific_path_is_committed() -> None:
    home, above = str(Path.home()) + "/", str(ROOT.parent) + "/"
    for name in files():
        assert Path(name).name != "uv.lock"
        content = (ROOT / name).read_bytes().decode(errors="replace")
        assert home not in content, name
        assert above not in content, name
