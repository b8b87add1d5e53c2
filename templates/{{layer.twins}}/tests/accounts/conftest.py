"""Mailbox and account client. `app` is imported inside fixtures: see tests/servers.py."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from httpx2 import Client

    from tests.accounts.account_client import Account, AccountClient, Mailbox


@pytest.fixture
def mailbox(mails: Path) -> "Mailbox":
    from tests.accounts.account_client import Mailbox

    return Mailbox(mails)


@pytest.fixture
def account_client(client: "Client") -> "AccountClient":
    from tests.accounts.account_client import AccountClient

    return AccountClient(client)


@pytest.fixture
def account(database: None) -> "Account":
    """Create a verified account with PASSWORD."""
    from app.accounts import service
    from tests.accounts.account_client import PASSWORD, Account
    from tests.database import open_unit_of_work

    with open_unit_of_work() as unit_of_work:
        user_id = unit_of_work.call(
            service.create_user,
            email="ada@example.com",
            name="Ada Lovelace",
            password=PASSWORD,
            verified=True,
        )
    return Account(user_id, "ada@example.com")
