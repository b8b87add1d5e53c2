import pytest

from app.core.errors import Invalid
from app.projects import rules
from app.projects.schemas import ProjectCreate


def test_import_keeps_the_order_of_the_request() -> None:
    items = [ProjectCreate(name=name) for name in ("Zulu", "Alpha")]
    assert list(rules.by_name_key(items).items()) == [("zulu", items[0]), ("alpha", items[1])]


def test_import_refuses_names_that_differ_in_case_only() -> None:
    items = [ProjectCreate(name=name) for name in ("Straße", "Other", "STRASSE")]
    with pytest.raises(Invalid) as caught:
        rules.by_name_key(items)
    assert caught.value.errors[0].pointer == "/items/2/name"
