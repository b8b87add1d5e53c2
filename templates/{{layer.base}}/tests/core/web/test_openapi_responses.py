from typing import Any

from app.core.web.openapi_responses import describe_operation


def _create_box() -> None:
    """Create a box.

    Its lid is open.
    """


def _list_boxes() -> None:
    """List boxes."""


def _undocumented() -> None: ...


def test_first_line_of_the_docstring_is_the_summary() -> None:
    operation: dict[str, Any] = {"summary": "Create Box", "description": "Create a box."}
    describe_operation(operation, _create_box)
    assert operation == {"summary": "Create a box", "description": "Its lid is open."}


def test_docstring_of_one_line_leaves_no_description() -> None:
    operation: dict[str, Any] = {"summary": "List Boxes", "description": "List boxes."}
    describe_operation(operation, _list_boxes)
    assert operation == {"summary": "List boxes"}


def test_summary_of_a_view_without_docstring_is_kept() -> None:
    operation: dict[str, Any] = {"summary": "Undocumented"}
    describe_operation(operation, _undocumented)
    assert operation == {"summary": "Undocumented"}
