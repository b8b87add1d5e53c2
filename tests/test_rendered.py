"""Checks of every rendered variant: parsers, ruff, links, traces of the template."""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy
from markdown_it import MarkdownIt

from template import RUFF, TEMPLATES, contents, questions, run
from variants import Render, Variant, covering, every_variant, names_used, runnable, values

# The inner loop checks every pair of choices, the whole run every combination.
PAIRS = covering(every_variant())
VARIANTS = pytest.mark.parametrize(
    "variant",
    [
        pytest.param(variant, id=variant.id, marks=() if variant in PAIRS else pytest.mark.slow)
        for variant in every_variant()
    ],
)
ANSWERS = ".copier-answers.yml"
SECRETS = ".env"


def texts(project: Path) -> Iterator[tuple[str, str]]:
    for name, content in contents(project).items():
        if b"\0" not in content:
            yield name, content.decode()


@VARIANTS
def test_every_file_parses(
    variant: Variant, render: Render, record_property: Callable[[str, object], None]
) -> None:
    for name, text in texts(render(variant)):
        match Path(name).suffix:
            case ".py" | ".pyi":
                ast.parse(text, name)
            case ".toml":
                tomllib.loads(text)
            case ".json":
                json.loads(text)
            case ".yml" | ".yaml":
                list(yaml.safe_load_all(text))
    record_property("rendered", variant.id)


@VARIANTS
def test_ruff_passes(variant: Variant, render: Render) -> None:
    project = render(variant)
    run(RUFF, "check", "--no-cache", ".", cwd=project)
    run(RUFF, "format", "--no-cache", "--check", ".", cwd=project)


@VARIANTS
def test_no_template_syntax_is_left(variant: Variant, render: Render) -> None:
    names = "|".join([*questions(), "_copier", "markdown", "dockerfile"])
    value = r"\{\{-?\s*(?:" + names + r")\b"
    for name, text in texts(render(variant)):
        # Django's templates contain `{% %}`.
        mark = value if "/templates/" in name else value + r"|\{%|\{#|%\}"
        assert not re.search(mark, text), f"{name}: {re.findall(mark, text)}"
        assert "{{" not in name
        assert not name.endswith(".jinja")


@VARIANTS
def test_other_choices_are_not_mentioned(variant: Variant, render: Render) -> None:
    others = [choice for choice in variant.others() if not choice[0].isdigit()]
    for name, text in texts(render(variant)):
        # Names of frameworks are common passwords too.
        if name != ANSWERS and not name.endswith("/common_passwords.txt"):
            for other in others:
                found = re.search(rf"\b{other}\b", f"{name}\n{text}", re.IGNORECASE)
                assert not found, f"{name} mentions {other}, which was not chosen"


@VARIANTS
def test_chosen_python_is_required(variant: Variant, render: Render) -> None:
    chosen = variant.answers["python_version"]
    project = render(variant)
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    assert pyproject["project"]["requires-python"] == f"=={chosen}.*"
    # With pyenv this file would disable a uv installed in another Python version.
    assert not (project / ".python-version").exists()


@VARIANTS
def test_files_have_clean_whitespace_and_modes(variant: Variant, render: Render) -> None:
    project = render(variant)
    for name, text in texts(project):
        if text and name != SECRETS:
            assert text.endswith("\n"), f"{name} does not end with a newline"
            assert not text.endswith("\n\n"), f"{name} ends with an empty line"
        assert "\r" not in text, name
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), f"{name}: trailing white space"
        executable = (project / name).stat().st_mode & 0o111 != 0
        assert executable == text.startswith("#!"), (
            f"{name}: expected the executable bit exactly on files with #!"
        )


@VARIANTS
def test_no_machine_specific_file_or_path_is_rendered(variant: Variant, render: Render) -> None:
    project = render(variant)
    assert not {"uv.lock", "__pycache__"} & {part for f in project.rglob("*") for part in f.parts}
    empty = [
        folder for folder in project.rglob("*") if folder.is_dir() and not any(folder.iterdir())
    ]
    assert not empty
    for name, text in texts(project):
        if name != ANSWERS:
            assert not re.search(r"/(root|home|Users|work)/\w+/|index.url", text), name


@VARIANTS
def test_docker_context_contains_all_copied_files(variant: Variant, render: Render) -> None:
    project = render(variant)
    ignored, *admitted = re.findall(r"^[^#\n].*", (project / ".dockerignore").read_text(), re.M)
    assert ignored == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (project / "Dockerfile").read_text(), re.M)
    needed = {name for line in copied for name in line.split()} - {"uv.loc[k]"}
    assert {"pyproject.toml", "src"} <= needed
    assert needed <= {name.removeprefix("!").rstrip("/") for name in admitted}
    assert all((project / name).exists() for name in needed)


@VARIANTS
def test_editor_settings_fit_the_service(variant: Variant, render: Render) -> None:
    project = render(variant)

    def read(name: str) -> Any:
        return json.loads((project / name).read_text())

    container, tasks = read(".devcontainer/devcontainer.json"), read(".vscode/tasks.json")["tasks"]
    assert container["image"].endswith(f":{variant.answers['python_version']}")
    port = re.search(r"^#PORT=(\d+)$", (project / ".env.example").read_text(), re.M)
    assert port is not None
    assert container["forwardPorts"] == [int(port[1])]
    recommended = read(".vscode/extensions.json")["recommendations"]
    assert container["customizations"]["vscode"]["extensions"] == recommended
    recipes = re.findall(r"^([a-z-]+)(?: .*)?:$", (project / "justfile").read_text(), re.M)
    assert {task["command"].removeprefix("uv run just ") for task in tasks} <= set(recipes)
    (default,) = [task for task in tasks if task.get("group", {}).get("kind") == "build"]
    assert default["command"] == "uv run just dev"


@VARIANTS
def test_links_and_commands_in_documents_exist(variant: Variant, render: Render) -> None:
    project = render(variant)
    recipes = set(re.findall(r"^([a-z-]+)[^:=\n]*:(?!=)", (project / "justfile").read_text(), re.M))
    for document in project.rglob("*.md"):
        text = document.read_text()
        for token in MarkdownIt("commonmark").enable("table").parse(text):
            for child in token.children or []:
                target = str(child.attrGet("href") or "").partition("#")[0]
                if target and not re.match(r"[a-z]+:", target):
                    assert (document.parent / target).exists(), f"{document.name}: {target}"
        for recipe in re.findall(r"\buv run just ([a-z-]+)", text):
            assert recipe in recipes, f"{document.name}: just {recipe}"


@VARIANTS
def test_agents_document_is_short(variant: Variant, render: Render) -> None:
    text = (render(variant) / "AGENTS.md").read_text()
    assert text.count("\n") <= 60, "expected a summary: coding agents read it in each session"
    assert "(AGENTS.md)" in (render(variant) / "README.md").read_text()


# Rendering again takes seconds per variant, so only a covering set is rendered again.
@pytest.mark.parametrize("variant", covering(runnable()), ids=lambda v: v.id)
def test_rendering_is_reproducible(
    variant: Variant, render: Render, released: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    run_copy(str(released), again, data=variant.answers, defaults=True, quiet=True)
    first, second = contents(render(variant)), contents(again)
    assert set(first) == set(second)
    different = {name for name in first if first[name] != second[name]}
    assert different <= {SECRETS}


def test_secrets_differ_between_services(render: Render) -> None:
    secrets = [contents(render(variant)).get(SECRETS) for variant in PAIRS]
    assert None not in secrets
    assert len(set(secrets)) == len(secrets)


def test_answers_outside_the_axes_change_no_file(
    render: Render, released: Path, tmp_path: Path
) -> None:
    """`purpose` only determines a default: only the answers file may differ."""
    variant = PAIRS[0]
    expected = contents(render(variant))
    for name, question in questions().items():
        if "choices" in question and name not in names_used():
            for value in values(name):
                project = tmp_path / value
                data = variant.answers | {name: value}
                run_copy(str(released), project, data=data, defaults=True, quiet=True)
                made = contents(project)
                assert {n for n in made if made[n] != expected.get(n)} <= {ANSWERS, SECRETS}
                assert set(made) == set(expected)


def test_exclude_newer_equals_the_one_of_this_repository(render: Render) -> None:
    own = tomllib.loads((TEMPLATES.parent / "pyproject.toml").read_text())
    for variant in PAIRS:
        made = tomllib.loads((render(variant) / "pyproject.toml").read_text())
        assert made["tool"]["uv"]["exclude-newer"] == own["tool"]["uv"]["exclude-newer"]
