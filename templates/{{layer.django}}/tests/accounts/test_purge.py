"""The hourly purge."""

from typing import Any

from django.contrib.sessions.models import Session as DjangoSession
from django.db import connection

from app.accounts import service
from app.accounts.models import EmailToken, RefreshToken, User, UserSession
from app.core.db.unit_of_work import unit_of_work
from tests.accounts.account_client import Account, AccountClient, Mailbox, age


def _purge() -> int:
    """Purge, and return the number of SQL statements."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        return execute(sql, *arguments)

    with unit_of_work(), connection.execute_wrapper(note):
        service.purge()
    return len(seen)


def test_unverified_accounts_are_deleted(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    account_client.sign_up("new@example.com")
    (token,) = mailbox.tokens("verify-email", "new@example.com")
    # The expired link is kept for 7 days; afterwards the account is deleted with it.
    age("email_tokens", "expires_at", "6 days")
    age("users", "created_at", "8 days")
    _purge()
    assert (User.objects.count(), EmailToken.objects.count()) == (2, 1)
    age("email_tokens", "expires_at", "3 days")
    _purge()
    assert list(User.objects.values_list("email", flat=True)) == [account.email]
    assert account_client.post("auth/email/verify", key=token).status_code == 422


def test_ended_sessions_are_deleted_with_their_tokens(
    account_client: AccountClient, account: Account
) -> None:
    account_client.tokens(account.email)
    ended, _ = account_client.tokens(account.email)
    cookie = account_client.cookie(account.email)
    assert DjangoSession.objects.count() == 3
    account_client.call("DELETE", "auth/session", ended)
    _purge()
    # Kept to detect reused refresh tokens; the expired session of Django is deleted at once.
    assert (UserSession.objects.count(), DjangoSession.objects.count()) == (3, 2)
    age("sessions", "revoked_at", "31 days")
    age("django_session", "expire_date", "29 days")
    _purge()
    assert (UserSession.objects.count(), RefreshToken.objects.count()) == (2, 1)
    assert DjangoSession.objects.count() == 2
    age("django_session", "expire_date", "2 days")
    age("sessions", "expires_at", "61 days")
    _purge()
    assert not UserSession.objects.exists()
    assert not DjangoSession.objects.exists()
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401


def test_number_of_statements_does_not_depend_on_rows(account_client: AccountClient) -> None:
    def forget(count: int) -> int:
        for number in range(count):
            User.objects.create_user(f"{number}@example.com", name="Never")
        age("users", "created_at", "8 days")
        statements = _purge()
        assert not User.objects.exists()
        return statements

    assert forget(1) == forget(20)
