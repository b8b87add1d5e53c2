"""Answers are data: with any answer every file parses and contains the answer unchanged.

A service is rendered with plain markers as answers, which shows where each answer is used, and then
with hostile answers: all strings of all files must be equal except for the answer.
"""

import ast
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from template import contents, copy_templated_files

MARKS = {
    "project_name": "Qname",
    "project_description": "Qdescription",
    "author_name": "Qauthor",
}
type Strings = dict[str, dict[str, str]]  # by file and place
type Render = Callable[[dict[str, str]], Strings]
type Found = Iterator[tuple[str, str]]

# Characters accepted by validate.jinja; outer spaces, which it rejects, are stripped below.
CHARACTERS = st.characters(
    exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn"], exclude_characters="\ufffe\uffff"
)
BITES = st.sampled_from(
    [
        *r"""" ' \ ` $ {{ }} {% %} {# # : - -- --- | > & * ! % @ [ ] < </ <!-- = ~""".split(),
        *r"""${{ ${ $( \n \u0041 &amp; null yes 0x1 1. + ''' ~~~ ``` \` %s {0} ; , EOF""".split(),
        *[" ", ": ", " #", "- ", '"""', "\u202e", "\u200b", "\ufeff", "\xa0"],
        *["😀", "👩‍💻", "שלום", "İ"],
    ]
)
HOSTILE = (
    st.lists(BITES | st.text(CHARACTERS, max_size=5), min_size=1, max_size=20)
    .map(lambda parts: "".join(parts).strip()[:200].strip())
    .filter(bool)
)


def strings(file: str, text: str) -> Found:
    """Yield the strings of a file as its parser reads them: (place, string)."""
    name = Path(file).name
    match Path(file).suffix:
        case ".toml":
            yield from leaves(tomllib.loads(text))
        case ".json":
            yield from leaves(json.loads(text))
        case ".yml" | ".yaml":
            yield from leaves(list(yaml.safe_load_all(text)))
        case ".md":
            yield from markdown(text)
        case ".py":
            yield from python(text)
        case _ if name.startswith("Dockerfile"):
            yield from dockerfile(text)
        case _:
            yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines()))


def leaves(value: Any, place: str = "") -> Found:
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, f"{place}.{key}")
        case list():
            for number, inner in enumerate(value):
                yield from leaves(inner, f"{place}[{number}]")
        case _:
            yield place, str(value)


def markdown(text: str) -> Found:
    """Yield the displayed text of each paragraph, heading and cell."""
    for number, block in enumerate(MarkdownIt("commonmark").enable("table").parse(text)):
        seen = block.content
        if block.children is not None:
            seen = "".join(
                inline.content or "\n" for inline in block.children if shown(inline.type)
            )
        yield f"{number} {block.type} {block.tag}", seen


def shown(kind: str) -> bool:
    return not kind.endswith(("_open", "_close"))


def python(text: str) -> Found:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield f"{node.lineno}:{node.col_offset}", node.value


def dockerfile(text: str) -> Found:
    """Yield the words of each instruction with quotes and escapes resolved."""
    joined = re.sub(r"\\\n", " ", text)
    for number, line in enumerate(joined.splitlines()):
        if line.lstrip().startswith("#"):
            continue
        words = re.findall(r'(?:[^\s"]|"(?:\\.|[^"\\])*")+', line)
        for place, word in enumerate(words):
            assert not re.search(r"(?<!\\)(\\\\)*\$[^{A-Z_]", word), f"expands: {word}"
            plain = re.sub(r'"((?:\\.|[^"\\])*)"', lambda m: re.sub(r"\\(.)", r"\1", m[1]), word)
            yield f"{number}:{place}", plain


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function that renders a service and reads the strings of its files."""
    source = tmp_path_factory.mktemp("hostile") / "template"
    copy_templated_files(source)
    project = source.with_name("project")

    def render(answers: dict[str, str]) -> Strings:
        shutil.rmtree(project, ignore_errors=True)
        data = {"project_slug": "acme"} | answers
        run_copy(str(source), project, data=data, defaults=True, quiet=True)
        files = contents(project)
        files.pop(".env", None)  # random
        return {name: dict(strings(name, text.decode())) for name, text in files.items()}

    return render


@pytest.fixture(scope="module")
def plain(rendered: Render) -> Strings:
    """Return the strings of the service rendered with `MARKS`."""
    return rendered(MARKS)


def test_each_answer_is_used(plain: Strings) -> None:
    for name, mark in MARKS.items():
        places = {file for file, found in plain.items() if any(mark in s for s in found.values())}
        assert places - {".copier-answers.yml"}, f"expected {name} in a rendered file"
    about = plain["src/app/about.json"]
    assert (about[".name"], about[".description"]) == ("Qname", "Qdescription")


@given(name=HOSTILE, description=HOSTILE, author=HOSTILE)
@example(name="x" * 200, description="y" * 200, author="z" * 200)
@example(name="--help", description="- [ ] todo", author="# Acme")
@example(name='"', description="'", author="\\")
@example(name="{{ 7 * 7 }}", description="{% raw %}", author="{# x #}")
@example(name="${{ secrets.X }}", description="$HOME $(id) `id`", author="%{x}")
@example(name="😀 👩‍💻", description="\u202eשלום", author="مرحبا")
@example(name="a: b #c", description="[x](y) <b>*c*</b>", author="| > & * ! % @ ~ null")
@example(name='O\'Brien & "Sons"', description="\"\"\" '''", author="a, b; c")
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_hostile_answers_are_rendered_unchanged(
    rendered: Render, plain: Strings, name: str, description: str, author: str
) -> None:
    hostile = {"project_name": name, "project_description": description, "author_name": author}
    made = rendered(hostile)
    assert set(made) == set(plain)
    for file, expected in plain.items():
        assert made[file] == {place: fill(text, hostile) for place, text in expected.items()}, (
            f"{file} changes an answer: see the table in docs/contributing.md"
        )


def fill(text: str, answers: dict[str, str]) -> str:
    given = {MARKS[name]: answer for name, answer in answers.items()}
    return re.sub("|".join(given), lambda match: given[match[0]], text)
