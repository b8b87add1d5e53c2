"""The variants of services, and a pairwise-covering subset, derived from copier.yml."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from pathlib import Path

from jinja2 import Environment, Template, meta

from template import ROOT, TEMPLATES, UV, attempt, files, questions


@dataclass(frozen=True)
class Variant:
    """An answer to each question that affects the service."""

    choices: tuple[tuple[str, str], ...]

    @property
    def answers(self) -> dict[str, str]:
        return dict(self.choices)

    @property
    def id(self) -> str:
        return "-".join(value for _, value in self.choices)

    def pairs(self) -> set[tuple[tuple[str, str], ...]]:
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
    choices = questions()[question]["choices"]
    return list(choices.values() if isinstance(choices, dict) else choices)


@cache
def axes() -> dict[str, list[str]]:
    """Return the questions whose choices affect the service, with their choices."""
    return {
        name: values(name)
        for name, question in questions().items()
        if "choices" in question and name in names_used()
    }


def every_variant() -> list[Variant]:
    return [
        Variant(tuple(zip(axes(), picked, strict=True))) for picked in product(*axes().values())
    ]


def default_variant() -> Variant:
    """Return the variant of the default answers."""
    defaults: dict[str, str] = {}
    for name, question in questions().items():
        if "choices" in question:
            defaults[name] = Template(question["default"]).render(defaults)
    return Variant(tuple((name, defaults[name]) for name in axes()))


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
