"""Steps with an account, at this framework's own operations."""

from httpx2 import Response

from tests.accounts.account_client import PASSWORD, AccountClient


def verify(account_client: AccountClient, token: str) -> Response:
    """Follow the link in a mail that asks whether the address is right."""
    return account_client.post("auth/email/verify", key=token)


def reset(account_client: AccountClient, token: str) -> Response:
    """Follow the link in a mail to choose another password: PASSWORD."""
    return account_client.post("auth/password/reset", key=token, password=PASSWORD)


def refresh(account_client: AccountClient, token: str) -> Response:
    """Trade a refresh token in."""
    return account_client.post("tokens/refresh", refresh_token=token)


def protect(account_client: AccountClient, access: str) -> None:
    """Turn on the second factor."""
    account_client.set_up_totp(access)
