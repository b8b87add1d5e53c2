"""Account operations whose paths and bodies differ between the frameworks."""

from httpx2 import Response

from tests.accounts.account_client import PASSWORD, AccountClient


def verify(account_client: AccountClient, token: str) -> Response:
    """Verify an e-mail address with the token of a mail."""
    return account_client.post("auth/email/verify", key=token)


def reset(account_client: AccountClient, token: str) -> Response:
    """Set the password to PASSWORD with the token of a mail."""
    return account_client.post("auth/password/reset", key=token, password=PASSWORD)


def refresh(account_client: AccountClient, token: str) -> Response:
    return account_client.post("tokens/refresh", refresh_token=token)


def enable_totp(account_client: AccountClient, access: str) -> None:
    account_client.set_up_totp(access)
