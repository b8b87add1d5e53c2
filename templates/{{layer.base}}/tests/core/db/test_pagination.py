from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import Invalid
from app.core.security import tokens

LIST = {"organization_id": uuid4(), "sort": "-created_at", "status": None, "q": "é"}


def test_cursor_round_trip_keeps_types() -> None:
    position = (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), uuid4())
    cursor = sign_cursor(position, bound_to=LIST)
    assert read_cursor(cursor, (datetime, UUID), bound_to=LIST) == position


def test_cursor_round_trip_keeps_special_characters() -> None:
    position = ('quote " backslash \\ emoji 🙂 nul-free', uuid4())
    cursor = sign_cursor(position, bound_to=LIST)
    assert cursor.isascii()
    assert read_cursor(cursor, (str, UUID), bound_to=LIST) == position


def test_order_of_bound_parameters_does_not_matter() -> None:
    cursor = sign_cursor(("a",), bound_to=LIST)
    again = dict(reversed(LIST.items()))
    assert read_cursor(cursor, (str,), bound_to=again) == ("a",)


@pytest.mark.parametrize("change", [{"sort": "name"}, {"status": "active"}, {"q": "e"}])
def test_cursor_of_another_list_is_rejected(change: dict[str, str]) -> None:
    cursor = sign_cursor(("a",), bound_to=LIST)
    with pytest.raises(Invalid):
        read_cursor(cursor, (str,), bound_to=LIST | change)


def test_change_of_any_character_is_rejected() -> None:
    cursor = sign_cursor(("a",), bound_to=LIST)
    for position, character in enumerate(cursor):
        changed = cursor[:position] + ("B" if character == "A" else "A") + cursor[position + 1 :]
        with pytest.raises(Invalid):
            read_cursor(changed, (str,), bound_to=LIST)


@pytest.mark.parametrize("cursor", ["", "a", "AAAA", "é", "\x00", "null", "A" * 10_000])
def test_malformed_cursor_is_rejected(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_cursor(cursor, (str,), bound_to=LIST)
    assert caught.value.errors[0].pointer == "cursor"


def test_cursor_with_other_types_is_rejected() -> None:
    cursor = sign_cursor(("a",), bound_to=LIST)
    with pytest.raises(Invalid):
        read_cursor(cursor, (int,), bound_to=LIST)


def test_other_signed_token_is_rejected() -> None:
    with pytest.raises(Invalid):
        read_cursor(tokens.sign_row_token("cursor", uuid4()), (str,), bound_to=LIST)
