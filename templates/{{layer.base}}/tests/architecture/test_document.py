"""ARCHITECTURE.md tells the truth: every rule has checks that exist, every check has one rule."""

import ast
import re
import tomllib
from collections import Counter

import pytest

from tests.architecture.source import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {item["id"]: item["name"] for item in PYPROJECT["tool"]["importlinter"]["contracts"]}
RUFF = PYPROJECT["tool"]["ruff"]["lint"]
TESTS = ROOT / "tests" / "architecture"


def checks_by_rule() -> dict[int, list[str]]:
    """Read what stands behind "Enforced by" in each rule."""
    text = (ROOT / "ARCHITECTURE.md").read_text().partition("## The twelve rules")[2]
    parts = re.split(r"^### (\d+)\. ", text, flags=re.M)
    return {
        int(number): re.findall(r"`([^`]+)`", rule.rpartition("Enforced by")[2].split("\n\n")[0])
        for number, rule in zip(parts[1::2], parts[2::2], strict=True)
    }


RULES = checks_by_rule()
NAMED = [(number, check) for number, checks in RULES.items() for check in checks]


def functions(path: str) -> dict[str, str]:
    """Return the tests of a file, with their text."""
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name: ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    }


def test_there_are_twelve_rules_each_with_a_check() -> None:
    assert list(RULES) == list(range(1, 13))
    assert all(RULES.values())


@pytest.mark.parametrize(("rule", "check"), NAMED)
def test_the_check_exists_and_names_its_rule(rule: int, check: str) -> None:
    kind, _, name = check.partition(" ")
    if kind == "contract":
        assert CONTRACTS[name].startswith(f"Rule {rule}: ")
    elif kind == "ruff":
        assert any(name.startswith(selected) for selected in RUFF["select"])
        messages = [item["msg"] for item in RUFF["flake8-tidy-imports"]["banned-api"].values()]
        assert name != "TID251" or any(text.startswith(f"Rule {rule}: ") for text in messages)
    else:
        path, _, function = check.partition("::")
        assert re.search(rf"rule={rule}\b|Rule {rule}:", functions(path)[function])


def test_every_check_belongs_to_one_rule() -> None:
    """A check without a rule is a rule that nobody has explained."""
    of_tests = {
        f"tests/architecture/{path.name}::{name}"
        for path in TESTS.glob("test_*.py")
        if path.name != "test_document.py"
        for name in functions(f"tests/architecture/{path.name}")
    }
    there = of_tests | {f"contract {name}" for name in CONTRACTS}
    named = Counter(check for _, check in NAMED if not check.startswith("ruff "))
    assert there - set(named) == set(), "not in ARCHITECTURE.md"
    assert not [check for check, count in named.items() if count > 1], "in two rules"
