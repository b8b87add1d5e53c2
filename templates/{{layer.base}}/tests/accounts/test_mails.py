import re
from typing import get_args

import pytest

from app.accounts import mails, rules
from app.core.ids import uuid7
from app.core.mail_message import Message
from app.core.security.tokens import read_row_token


def _token(message: Message) -> str:
    [token] = re.findall(r"\?token=(\S+)", message.text)
    return str(token)


@pytest.mark.parametrize("has_password", [True, False])
def test_verification_asks_for_a_password_if_there_is_none(has_password: bool) -> None:
    token_id = uuid7()
    message = mails.verification(
        "ada@example.com", token_id=token_id, name="Ada", has_password=has_password
    )
    assert "the name Ada" in message.text
    assert ("Forgot password" in message.text) != has_password
    assert read_row_token(rules.VERIFICATION, _token(message)) == token_id


def test_reset_link_is_not_a_verification_link() -> None:
    token_id = uuid7()
    message = mails.password_reset("ada@example.com", token_id=token_id)
    assert read_row_token(rules.RESET, _token(message)) == token_id


def test_every_notice_has_a_text() -> None:
    assert set(get_args(rules.Notice.__value__)) == set(mails.NOTICES)
