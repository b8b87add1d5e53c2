from pathlib import Path

import pytest

from tools.new_module import UsageError
from tools.new_module.__main__ import appended, check, renamed, singular_of


@pytest.mark.parametrize(
    ("name", "singular"),
    [
        ("invoices", "invoice"),
        ("companies", "company"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("addresses", "address"),
        ("invoice_lines", "invoice_line"),
    ],
)
def test_singular_of_a_plural(name: str, singular: str) -> None:
    assert singular_of(name) == singular


@pytest.mark.parametrize(
    ("name", "singular"),
    [
        ("news", "news"),
        ("Invoices", "Invoice"),
        ("in-voices", "in-voice"),
        ("1s", "1"),
        ("class", "clas"),
        ("core", "cor"),
        ("items", "item"),
        ("pages", "page"),
        ("x" * 31, "x"),
    ],
)
def test_invalid_name_is_refused(name: str, singular: str) -> None:
    with pytest.raises(UsageError):
        check(name, singular)


@pytest.mark.parametrize("name", ["accounts", "identities", "audit_events"])
def test_existing_module_or_table_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="exists"):
        check(name, singular_of(name))


def test_identifiers_urls_and_prose_are_renamed() -> None:
    text = '''\
"""Return a widget, and list widgets."""
router = Router(prefix="/organizations/{id}/widgets", tags=["widgets"])
class WidgetCreate: ...
async def list_widgets(): ...  # a widget
SCOPE = Scope.WIDGETS_READ
row = await get_or_404(session, query, "widget")
record("widget.created")
'''
    assert (
        renamed(text, "invoice_lines", "invoice_line")
        == '''\
"""Return an invoice line, and list invoice lines."""
router = Router(prefix="/organizations/{id}/invoice-lines", tags=["invoice lines"])
class InvoiceLineCreate: ...
async def list_invoice_lines(): ...  # an invoice line
SCOPE = Scope.INVOICE_LINES_READ
row = await get_or_404(session, query, "invoice line")
record("invoice_line.created")
'''
    )


@pytest.mark.parametrize(
    "source", ['MODULES = ("a", "b")\n', 'MODULES = (\n    "a",\n    "b",\n)\n']
)
def test_module_is_added_to_a_list_in_any_layout(tmp_path: Path, source: str) -> None:
    path = tmp_path / "modules.py"
    path.write_text(source)
    namespace: dict[str, object] = {}
    exec(appended(path, "MODULES", ', "c"'), namespace)  # noqa: S102 - the test's own text
    assert namespace["MODULES"] == ("a", "b", "c")
