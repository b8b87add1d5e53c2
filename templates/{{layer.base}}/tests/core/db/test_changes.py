from dataclasses import dataclass

from app.core.db.changes import apply_changes, changed_fields


@dataclass
class Row:
    name: str = "Apollo"
    description: str = ""
    version: int = 1


def test_none_and_equal_values_are_no_changes() -> None:
    assert changed_fields(Row(), {"name": "Apollo", "description": None}) == {}


def test_changes_have_values_before_and_after() -> None:
    row = Row(description="moon")
    changes = changed_fields(row, {"name": "Artemis", "description": ""})
    assert changes == {"name": ["Apollo", "Artemis"], "description": ["moon", ""]}
    assert row == Row(description="moon"), "expected the row to be unchanged until apply_changes"


def test_applied_changes_count_as_one_version() -> None:
    row = Row()
    apply_changes(row, changed_fields(row, {"name": "Artemis", "description": "moon"}))
    assert row == Row("Artemis", "moon", version=2)
