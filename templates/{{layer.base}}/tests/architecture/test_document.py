"""ARCHITECTURE.md names existing checks for every rule, and every check belongs to one rule.

AGENTS.md lists the rules.
"""

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
    """Read the checks after "Enforced by" in each rule."""
    text = (ROOT / "ARCHITECTURE.md").read_text().partition("## The twelve rules")[2]
    parts = re.split(r"^### (\d+)\. ", text, flags=re.M)
    return {
        int(number): re.findall(r"`([^`]+)`", rule.rpartition("Enforced by")[2].split("\n\n")[0])
        for number, rule in zip(parts[1::2], parts[2::2], strict=True)
    }


RULES = checks_by_rule()
NAMED = [(number, check) for number, checks in RULES.items() for check in checks]


def functions(path: str) -> dict[str, str]:
    """Return the source of each test in a file, by name."""
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name: ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    }


def test_each_of_the_twelve_rules_has_a_check() -> None:
    assert list(RULES) == list(range(1, 13))
    assert all(RULES.values())


def test_agents_document_lists_the_rules() -> None:
    def titles(name: str, start: str) -> list[str]:
        return re.findall(rf"^{start}(\d+\. .+)$", (ROOT / name).read_text(), re.M)

    rules = titles("ARCHITECTURE.md", "### ")
    assert titles("AGENTS.md", "") == rules, "expected the titles of the rules of ARCHITECTURE.md"


@pytest.mark.parametrize(("rule", "check"), NAMED)
def test_check_exists_and_names_its_rule(rule: int, check: str) -> None:
    kind, _, name = check.partition(" ")
    if kind == "contract":
        assert name in CONTRACTS, f"pyproject.toml has no import-linter contract with id {name!r}"
        assert CONTRACTS[name].startswith(f"Rule {rule}: ")
    elif kind == "ruff":
        assert any(name.startswith(selected) for selected in RUFF["select"])
        messages = [item["msg"] for item in RUFF["flake8-tidy-imports"]["banned-api"].values()]
        assert name != "TID251" or any(text.startswith(f"Rule {rule}: ") for text in messages)
    else:
        path, _, function = check.partition("::")
        assert function in functions(path), f"{path} has no test {function}"
        assert re.search(rf"rule={rule}\b|Rule {rule}:", functions(path)[function])


def test_every_check_belongs_to_one_rule() -> None:
    tests = {
        f"tests/architecture/{path.name}::{name}"
        for path in TESTS.glob("test_*.py")
        if path.name != "test_document.py"
        for name in functions(f"tests/architecture/{path.name}")
    }
    checks = tests | {f"contract {name}" for name in CONTRACTS}
    counts = Counter(check for _, check in NAMED if not check.startswith("ruff "))
    missing = checks - set(counts)
    assert not missing, 'add these checks to "Enforced by" of their rule in ARCHITECTURE.md'
    repeated = [check for check, count in counts.items() if count > 1]
    assert not repeated, "name each of these checks in one rule of ARCHITECTURE.md only"
