"""Mailbox and account clients; `app` is imported late, as in tests/conftest.py."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from httpx2 import Client

    from tests.accounts.account_client import Account, AccountClient, Mailbox


@pytest.fixture
def mailbox(mails: Path) -> "Mailbox":
    """Return the mailbox, with the mails to all addresses."""
    from tests.accounts.account_client import Mailbox

    return Mailbox(mails)


@pytest.fixture
def account_client(client: "Client") -> "AccountClient":
    """Return a client that is not signed in."""
    from tests.accounts.account_client import AccountClient

    return AccountClient(client)


@pytest.fixture
def account(database: None) -> "Account":
    """Create a verified account."""
    from app.accounts import service
    from app.core.db.unit_of_work import unit_of_work
    from tests.accounts.account_client import PASSWORD, Account

    with unit_of_work():
        user_id = service.create_verified_user(
            email="ada@example.com", name="Ada Lovelace", password=PASSWORD
        )
    assert user_id is not None
    return Account(user_id, "ada@example.com")
