"""Accounts that an operator creates and verifies with `python -m app users`."""

import subprocess
import sys

import pytest

from app.accounts import service
from app.core.errors import Conflict, Invalid
from tests.accounts.account_client import (
    OTHER_PASSWORD,
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    actions,
)
from tests.accounts.flows import verify
from tests.database import execute, open_unit_of_work

NEW = "new@example.com"


async def _create(password: str = PASSWORD, *, email: str = NEW, verified: bool = False) -> None:
    async with open_unit_of_work() as unit_of_work:
        await unit_of_work.call(
            service.create_user, email=email, name=None, password=password, verified=verified
        )


async def _verify(email: str = NEW) -> None:
    [found] = await execute("SELECT id FROM users WHERE email = %(email)s", email=email)
    async with open_unit_of_work() as unit_of_work:
        await unit_of_work.call(service.verify_user, user_id=found["id"])


async def test_verified_account_can_sign_in_at_once(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    await _create(email="New@Example.com", verified=True)
    assert (await account_client.sign_in(NEW)).status_code == 200
    assert await mailbox.subjects(NEW) == []
    assert await actions() == ["user.created", "session.opened"]
    [user] = await execute("SELECT name FROM users")
    assert user["name"] == "New"


async def test_other_account_can_sign_in_after_its_link(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    await _create()
    assert (await account_client.sign_in(NEW)).status_code == 401
    (token,) = await mailbox.tokens("verify-email", NEW)
    await verify(account_client, token)
    assert (await account_client.sign_in(NEW)).status_code == 200


async def test_operator_verifies_an_address(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    await _create()
    (token,) = await mailbox.tokens("verify-email", NEW)
    await _verify()
    assert (await account_client.sign_in(NEW)).status_code == 200
    assert await actions() == ["user.created", "email.verified", "session.opened"]
    assert (await verify(account_client, token)).status_code == 422
    with pytest.raises(Conflict, match="verified already"):
        await _verify()


async def test_operator_verifies_no_password_of_several_sign_ups(
    account_client: AccountClient,
) -> None:
    await account_client.sign_up(NEW, PASSWORD)
    await account_client.sign_up(NEW, OTHER_PASSWORD)
    await _verify()
    for password in (PASSWORD, OTHER_PASSWORD):
        assert (await account_client.sign_in(NEW, password)).status_code == 401


async def test_existing_address_is_refused(account_client: AccountClient, account: Account) -> None:
    with pytest.raises(Conflict, match="has an account already"):
        await _create(OTHER_PASSWORD, email=account.email.upper(), verified=True)
    assert (await account_client.sign_in(account.email, OTHER_PASSWORD)).status_code == 401
    assert (await account_client.sign_in(account.email)).status_code == 200
    assert await actions() == ["user.created", "session.opened"]


@pytest.mark.parametrize(
    ("email", "password", "problem"),
    [
        (NEW, "elevenchars", "password: .* at least 12"),
        (NEW, "password1234", "too easy to guess"),
        (NEW, "new@example.com", "too easy to guess"),
        ("nowhere", PASSWORD, "email: "),
    ],
)
async def test_rules_of_sign_up_apply(
    database: None, email: str, password: str, problem: str
) -> None:
    with pytest.raises(Invalid, match=problem) as raised:
        await _create(password, email=email)
    assert raised.value.__cause__ is None


@pytest.mark.committed
async def test_command_line_reads_the_password_from_stdin(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    def run(*words: str, password: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app", "users", *words],
            input=f"{password}\n",
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert bool(done.returncode) is bool(done.stderr), done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert run("create", NEW, "--name=Ada", password=PASSWORD) == ""
    assert "has an account already" in run("create", NEW, "--verified", password=PASSWORD)
    assert (await account_client.sign_in(NEW)).status_code == 401
    assert run("verify", NEW.upper()) == ""
    assert (await account_client.sign_in(NEW)).status_code == 200
    assert "verified already" in run("verify", NEW)
    assert "No such account" in run("verify", "unknown@example.com")
    assert "at least 12" in run("create", "other@example.com", password="")
    assert run("create", "other@example.com", "--verified", password=PASSWORD) == ""
    assert (await account_client.sign_in("other@example.com")).status_code == 200
