"""The questions of copier.yml, their defaults and their validators."""

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from copier.errors import CopierError
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, Template
from pytest_copie.plugin import Copie

from conformance.features import FEATURES
from template import ROOT, configuration, copy_working_tree, questions
from variants import axes_of, names_used, values

ASKED = {name: question for name, question in questions().items() if question.get("when", True)}
MACROS: Any = (
    Environment(
        autoescape=False,  # noqa: S701 - renders plain text, no HTML
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        loader=FileSystemLoader(ROOT / "templates" / "_partials"),
    )
    .get_template("validate.jinja")
    .module
)

INVALID = {
    "purpose": ["", "shop"],
    "project_name": ["", "  ", " Acme", "Acme ", "a\nb", "a\tb", "a\0b", "a\x7fb", "a\u2028b",
                     "x" * 201],
    "project_slug": ["", "Acme", "1up", "-a", "a-", "a--b", "a_b", "ä", "a\n", "../a", "x" * 41],
    "project_description": ["", "a\r\nb", "x" * 501],
    "author_name": ["", "a\x1bb", "x" * 201],
    "author_email": ["", "a", "a@b", "a b@c.de", 'a"@b.de', "a@b.de\n",
                     "@b.de", "a@b..de", "x" * 250 + "@b.de"],
    "framework": ["", "rails"],
    "jobs": ["", "rq"],
    "python_version": ["", "3.11", "4"],
    "features": [["export"], ["exports", "x"]],
}  # fmt: skip
VALID = {
    "project_name": ['"', "\\", "{{ 7*7 }}", "${{ x }}", "😀", "שלום", "--help", "a: b", "# x",
                     "x" * 200],
    "project_slug": ["a", "a1", "billing-api-2", "x" * 40],
    "project_description": ["'''", "{% raw %}", "x" * 500],
    "author_name": ["Zoë O'Brien", "Иван", "[x](y)"],
    "author_email": ["a@b.de", "a.b+c@mail.example.com", "o'brien@example.org", "ü@example.org"],
    "python_version": ["3.12", "3.13", "3.14"],
    "features": [[], ["dashboard"], ["exports", "dashboard"]],
}  # fmt: skip


@pytest.fixture
def only_questions(tmp_path: Path) -> Path:
    """Return the template without layers: only the questions and the answers file."""
    folder = tmp_path / "template"
    copy_working_tree(folder)
    for layer in (folder / "templates").glob("{{layer.*}}"):
        layer.rename(tmp_path / layer.name)
    return folder


@pytest.mark.parametrize("name", ASKED)
def test_help_text_is_one_question(name: str) -> None:
    question = ASKED[name]
    assert question["default"]
    assert "choices" in question or "validator" in question
    for purpose in values("purpose"):
        text = Template(question["help"]).render(purpose=purpose)
        assert re.fullmatch(r"[^\n?]+\?( \(.+\))?", text)
        assert len(text) <= 110, f"expected at most 110 characters, one line of a terminal: {text}"


def test_every_answer_is_used() -> None:
    defaults = " ".join(str(question) for question in questions().values())
    for name in ASKED:
        assert name in names_used() or re.search(rf"\[{name}\]", defaults), name


def test_features_are_those_of_the_conformance_suite() -> None:
    assert tuple(values("features")) == FEATURES


def test_axes_include_booleans_and_each_option_of_a_multiselect_question() -> None:
    questions: dict[str, dict[str, Any]] = {
        "engine": {"type": "str", "choices": {"A": "a", "B": "b"}},
        "parts": {"type": "str", "multiselect": True, "choices": ["one", "two"]},
        "open": {"type": "bool"},
        "name": {"type": "str"},
    }
    assert axes_of(questions) == {
        "engine": ["a", "b"],
        "parts.one": [True, False],
        "parts.two": [True, False],
        "open": [True, False],
    }


def test_copier_yml_needs_no_trust() -> None:
    configured = configuration()
    assert configured["_envops"] == {"undefined": "jinja2.StrictUndefined"}
    assert not {"_tasks", "_jinja_extensions"} & set(configured), (
        "these settings would require --trust"
    )
    assert (ROOT / "copier.yml").read_text().count("\n") < 250


@pytest.mark.parametrize("purpose", values("purpose"))
def test_purpose_determines_the_default_framework(
    copie: Copie, only_questions: Path, purpose: str
) -> None:
    result = copie.copy({"purpose": purpose}, template_dir=only_questions)
    assert result.exception is None
    assert result.answers["purpose"] == purpose
    assert result.answers["framework"] in values("framework")


def test_defaults_are_the_documented_answers(copie: Copie, only_questions: Path) -> None:
    result = copie.copy(template_dir=only_questions)
    assert result.answers == {
        "purpose": "saas",
        "project_name": "Acme Cloud",
        "project_slug": "acme-cloud",
        "project_description": ASKED["project_description"]["default"],
        "author_name": "The Platform Team",
        "author_email": "team@example.com",
        "framework": "django",
        "jobs": "celery",
        "python_version": "3.13",
        "features": ["exports", "dashboard"],
    }


@pytest.mark.parametrize(("name", "answers"), INVALID.items())
def test_invalid_answers_are_rejected(
    copie: Copie, only_questions: Path, name: str, answers: list[Any]
) -> None:
    for answer in answers:
        result = copie.copy({name: answer}, template_dir=only_questions)
        assert isinstance(result.exception, (ValueError, CopierError)), repr(answer)
        assert name in str(result.exception)


@pytest.mark.parametrize(("name", "answers"), VALID.items())
def test_valid_answers_are_accepted(
    copie: Copie, only_questions: Path, name: str, answers: list[Any]
) -> None:
    for answer in answers:
        result = copie.copy({name: answer}, template_dir=only_questions)
        assert result.exception is None, repr(answer)
        assert result.answers[name] == answer


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Fräulein's", "frauleins"),
        ("Fra\u0308ulein\u2019s", "frauleins"),
        ("Smörgåsbord AB", "smorgasbord-ab"),
        ("Łódź & Æther", "lodz-aether"),
        ("Straße 7", "strasse-7"),
        ("İstanbul", "istanbul"),
        ("שלום", "service"),
    ],
)
def test_slug_of_a_name_keeps_its_letters(name: str, slug: str) -> None:
    assert MACROS.slug_of(name) == slug


@pytest.mark.parametrize(
    ("purpose", "framework"), [("saas", "django"), ("api", "fastapi"), ("internal", "flask")]
)
def test_purpose_proposes_a_framework_in_questions_and_documents(
    purpose: str, framework: str
) -> None:
    question = ASKED["framework"]
    (name,) = [text for text, value in question["choices"].items() if value == framework]
    name = name.partition(" - ")[0]
    assert Template(question["default"]).render(purpose=purpose) == framework
    assert f"default is {name}:" in Template(question["help"]).render(purpose=purpose)
    (choice,) = [text for text, value in ASKED["purpose"]["choices"].items() if value == purpose]
    row = f"| {choice.partition(' - ')[0]} | {name} |".lower()
    assert row in (ROOT / "docs" / "choosing.md").read_text().lower()


@given(st.text(max_size=250))
def test_text_is_rejected_only_when_it_cannot_be_displayed(answer: str) -> None:
    def cannot_be_displayed(character: str) -> bool:
        return (
            unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
            or 0xFDD0 <= ord(character) <= 0xFDEF
            or character in "\ufffe\uffff"
        )

    valid = (
        0 < len(answer) <= 200
        and answer == answer.strip()
        and not any(map(cannot_be_displayed, answer))
    )
    assert (MACROS.text(answer, 200) == "") == valid


@given(st.text(max_size=100) | st.from_regex(r"[0-9 _-]{0,5}[a-zA-Z0-9 _.-]{0,80}"))
def test_slug_of_every_name_is_valid(name: str) -> None:
    slug = MACROS.slug_of(name)
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug)
    assert MACROS.slug(slug) == ""
