"""Every variant is rendered, and read by the programs that will read it."""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from copier import run_copy
from markdown_it import MarkdownIt

from template import RUFF, TEMPLATES, contents, questions, run
from variants import Render, Variant, axes, covering, every_variant, runnable, values

VARIANTS = pytest.mark.parametrize("variant", every_variant(), ids=lambda v: v.id)
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
def test_ruff_finds_nothing(variant: Variant, render: Render) -> None:
    project = render(variant)
    run(RUFF, "check", "--no-cache", ".", cwd=project)
    run(RUFF, "format", "--no-cache", "--check", ".", cwd=project)


@VARIANTS
def test_no_mark_of_the_template_is_left(variant: Variant, render: Render) -> None:
    names = "|".join([*questions(), "_copier", "markdown", "dockerfile"])
    value = r"\{\{-?\s*(?:" + names + r")\b"
    for name, text in texts(render(variant)):
        # Django's templates have blocks of their own.
        mark = value if "/templates/" in name else value + r"|\{%|\{#|%\}"
        assert not re.search(mark, text), f"{name}: {re.findall(mark, text)}"
        assert "{{" not in name
        assert not name.endswith(".jinja")


@VARIANTS
def test_no_trace_of_what_was_not_chosen(variant: Variant, render: Render) -> None:
    others = {
        value
        for axis, chosen in variant.choices
        for value in values(axis)
        if value != chosen and value.isalpha()
    }
    for name, text in texts(render(variant)):
        # People take the names of frameworks for passwords as well.
        if name != ANSWERS and not name.endswith("/common_passwords.txt"):
            for other in others:
                found = re.search(rf"\b{other}\b", f"{name}\n{text}", re.IGNORECASE)
                assert not found, f"{name} speaks of {other}"


@VARIANTS
def test_the_chosen_python_is_stated(variant: Variant, render: Render) -> None:
    chosen = variant.answers["python_version"]
    project = render(variant)
    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    assert pyproject["project"]["requires-python"] == f"=={chosen}.*"
    # Where uv is a pyenv shim, this file would hide uv itself.
    assert not (project / ".python-version").exists()


@VARIANTS
def test_files_are_tidy(variant: Variant, render: Render) -> None:
    project = render(variant)
    for name, text in texts(project):
        if text and name != SECRETS:
            assert text.endswith("\n"), f"{name} does not end with a newline"
            assert not text.endswith("\n\n"), f"{name} ends with an empty line"
        assert "\r" not in text, name
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), f"{name}: trailing space"
        executable = (project / name).stat().st_mode & 0o111 != 0
        assert executable == text.startswith("#!"), f"{name}: the executable bit"


@VARIANTS
def test_nothing_of_a_machine_is_left(variant: Variant, render: Render) -> None:
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
def test_the_image_gets_what_it_is_made_of(variant: Variant, render: Render) -> None:
    project = render(variant)
    ignored, *admitted = re.findall(r"^[^#\n].*", (project / ".dockerignore").read_text(), re.M)
    assert ignored == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (project / "Dockerfile").read_text(), re.M)
    needed = {name for line in copied for name in line.split()} - {"uv.loc[k]"}
    assert {"pyproject.toml", "src"} <= needed
    assert needed <= {name.removeprefix("!").rstrip("/") for name in admitted}
    assert all((project / name).exists() for name in needed)


@VARIANTS
def test_documents_name_what_is_there(variant: Variant, render: Render) -> None:
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


# Each is rendered a second time, which takes seconds: every pair of choices will do.
@pytest.mark.parametrize("variant", covering(runnable()), ids=lambda v: v.id)
def test_same_answers_same_bytes(
    variant: Variant, render: Render, released: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    run_copy(str(released), again, data=variant.answers, defaults=True, quiet=True)
    first, second = contents(render(variant)), contents(again)
    assert set(first) == set(second)
    different = {name for name in first if first[name] != second[name]}
    assert different <= {SECRETS}


def test_secrets_are_not_the_same_twice(render: Render) -> None:
    secrets = [contents(render(variant)).get(SECRETS) for variant in every_variant()]
    assert None not in secrets
    assert len(set(secrets)) == len(secrets)


def test_an_answer_that_is_no_axis_changes_nothing(
    render: Render, released: Path, tmp_path: Path
) -> None:
    """`purpose` only sets a default: the services differ in the record of the answers alone."""
    variant = every_variant()[0]
    expected = contents(render(variant))
    for name, question in questions().items():
        if "choices" in question and name not in axes():
            for value in values(name):
                project = tmp_path / value
                data = variant.answers | {name: value}
                run_copy(str(released), project, data=data, defaults=True, quiet=True)
                made = contents(project)
                assert {n for n in made if made[n] != expected.get(n)} <= {ANSWERS, SECRETS}
                assert set(made) == set(expected)


def test_the_service_resolves_to_what_this_release_was_tested_with(render: Render) -> None:
    own = tomllib.loads((TEMPLATES.parent / "pyproject.toml").read_text())
    for variant in every_variant():
        made = tomllib.loads((render(variant) / "pyproject.toml").read_text())
        assert made["tool"]["uv"]["exclude-newer"] == own["tool"]["uv"]["exclude-newer"]
