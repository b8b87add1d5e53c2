"""The variants of services, and a pairwise-covering subset, derived from copier.yml."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

from jinja2 import Environment, Template, meta

from template import ROOT, TEMPLATES, UV, attempt, files, questions

type Choice = tuple[str, str | bool]


@dataclass(frozen=True)
class Variant:
    """A value for each of `axes`."""

    choices: tuple[Choice, ...]

    @property
    def answers(self) -> dict[str, Any]:
        """The answers to give to Copier."""
        answers: dict[str, Any] = {}
        for axis, value in self.choices:
            question, _, choice = axis.partition(".")
            if choice:
                selected = answers.setdefault(question, [])
                selected += [choice] * bool(value)
            else:
                answers[question] = value
        return answers

    @property
    def id(self) -> str:
        """The values, joined; an option that is on is not named."""
        names = [
            value if isinstance(value, str) else f"no-{axis.rpartition('.')[2]}"
            for axis, value in self.choices
            if value is not True
        ]
        return "-".join(names)

    def features_off(self) -> list[str]:
        return [axis.rpartition(".")[2] for axis, value in self.choices if value is False]

    def others(self) -> set[str]:
        """Return the choices that were not made."""
        made = {value for _, value in self.choices}
        offered = {v for axis in axes().values() for v in axis if isinstance(v, str)}
        return (offered - made) | set(self.features_off())

    def pairs(self) -> set[tuple[Choice, ...]]:
        return set(combinations(self.choices, 2))


type Render = Callable[[Variant], Path]


@cache
def names_used() -> set[str]:
    """Return the variables used in templates, file names and the computed layers."""
    environment = Environment(
        autoescape=False,  # noqa: S701 - only parses
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
    )
    sources = [questions()["layer"]["default"]]
    for name in files():
        if name.startswith("templates/"):
            sources.append(name)
            if name.endswith(".jinja"):
                sources.append((ROOT / name).read_text())
    return set().union(*(meta.find_undeclared_variables(environment.parse(s)) for s in sources))


def values(question: str) -> list[str]:
    """Return the choices of a question."""
    choices = questions()[question]["choices"]
    return list(choices.values() if isinstance(choices, dict) else choices)


def axes_of(questions: dict[str, dict[str, Any]]) -> dict[str, list[str | bool]]:
    """Return the axes of questions, and their values.

    A question with choices is one axis. A choice of a multi-select question, as
    "question.choice", and a boolean question are axes with the values True and False.
    """
    found: dict[str, list[str | bool]] = {}
    for name, question in questions.items():
        choices = question.get("choices", [])
        listed = list(choices.values() if isinstance(choices, dict) else choices)
        if question.get("multiselect"):
            found |= {f"{name}.{choice}": [True, False] for choice in listed}
        elif question["type"] == "bool":
            found[name] = [True, False]
        elif listed:
            found[name] = listed
    return found


@cache
def axes() -> dict[str, list[str | bool]]:
    """Return the axes of the questions that affect the service."""
    used = names_used()
    return axes_of({name: question for name, question in questions().items() if name in used})


def every_variant() -> list[Variant]:
    return [
        Variant(tuple(zip(axes(), picked, strict=True))) for picked in product(*axes().values())
    ]


def default_variant() -> Variant:
    """Return the variant of the default answers."""
    defaults: dict[str, Any] = {}
    for name, question in questions().items():
        if "choices" in question or question["type"] == "bool":
            default = question["default"]
            is_template = isinstance(default, str)
            defaults[name] = Template(default).render(defaults) if is_template else default
    (found,) = [
        variant
        for variant in every_variant()
        if all(defaults[name] == answer for name, answer in variant.answers.items())
    ]
    return found


def covering(variants: list[Variant]) -> list[Variant]:
    """Return variants that contain every pair of choices, the default first.

    The greedy selection is deterministic.
    """
    chosen: list[Variant] = []
    missing = set().union(*(variant.pairs() for variant in variants))
    candidates = sorted(variants, key=lambda variant: variant != default_variant())
    while missing:
        best = max(candidates, key=lambda v: len(v.pairs() & missing))
        chosen.append(best)
        missing -= best.pairs()
    return chosen


@cache
def has_python(version: str) -> bool:
    """Return whether uv finds this Python without downloading it."""
    command = (UV, "python", "find", "--no-project", "--no-python-downloads", version)
    return attempt(*command, cwd=TEMPLATES).returncode == 0


def runnable() -> list[Variant]:
    """Return the variants whose Python is installed."""
    return [v for v in every_variant() if has_python(v.answers["python_version"])]
