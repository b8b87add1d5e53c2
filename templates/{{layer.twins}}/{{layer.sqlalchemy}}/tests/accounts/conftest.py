"""A visitor, an account, and the mailbox. No import of `app` at the top: see tests/conftest.py."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from httpx2 import Client

    from tests.accounts.actors import Account, Mailbox, Visitor


@pytest.fixture
def mailbox(mails: Path) -> "Mailbox":
    """Give the mailbox of everybody."""
    from tests.accounts.actors import Mailbox

    return Mailbox(mails)


@pytest.fixture
def visitor(client: "Client") -> "Visitor":
    """Give a visitor without an account."""
    from tests.accounts.actors import Visitor

    return Visitor(client)


@pytest.fixture
def account(database: None) -> "Account":
    """Make a verified account."""
    from app.accounts import service
    from app.core.db.unit_of_work import unit_of_work
    from tests.accounts.actors import PASSWORD, Account

    with unit_of_work() as session:
        user_id = service.create_verified_user(
            session, email="ada@example.com", name="Ada Lovelace", password=PASSWORD
        )
    assert user_id is not None
    return Account(user_id, "ada@example.com")
