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
    ("name", "singular", "reason"),
    [
        ("news", "news", "plural and singular"),
        ("Invoices", "Invoice", "lower case"),
        ("in-voices", "in-voice", "lower case"),
        ("1s", "1", "lower case"),
        ("classes", "class", "reserved"),
        ("core", "thing", "reserved"),
        ("items", "item", "reserved"),
        ("pages", "page", "reserved"),
        ("x" * 31, "x", "30 characters"),
        ("accounts", "account", "src/app/accounts/__init__.py exists"),
        ("settings", "setting", "src/app/settings.py exists"),
        ("servers", "server", "tests/servers.py exists"),
        ("identities", "identity", "the table identities exists"),
        ("members", "person", "the routes .*/members exist"),
    ],
)
def test_name_that_cannot_be_used_is_refused(name: str, singular: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        check(name, singular)


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


def test_module_is_added_below_the_comment(tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    source = 'MODULES = (\n    "a",\n    # Own.\n)\n'
    path.write_text(source)
    assert appended(path, "MODULES", '    "b",\n') == source.replace(")", '    "b",\n)')
    source = 'class Scope:\n    A = "a"\n    # Own.\n\n\nREST = 1\n'
    path.write_text(source)
    expected = source.replace("# Own.\n", '# Own.\n    B = "b"\n')
    assert appended(path, "Scope", '    B = "b"\n') == expected


@pytest.mark.parametrize(
    "source",
    ["", "MODULES = 1\n", "MODULES = (\n", 'MODULES = ("a", "b")\n', 'MODULES = (\n    "a"\n)\n'],
)
def test_list_that_the_line_does_not_fit_is_refused(tmp_path: Path, source: str) -> None:
    path = tmp_path / "source.py"
    path.write_text(source)
    with pytest.raises(UsageError, match="MODULES"):
        appended(path, "MODULES", '    "c",\n')
