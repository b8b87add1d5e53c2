"""Steps with an account, at this framework's own operations."""

import pyotp
from httpx2 import Response

from tests.accounts.account_client import PASSWORD, AccountClient


def verify(account_client: AccountClient, token: str) -> Response:
    """Follow the link in a mail that asks whether the address is right."""
    return account_client.post("verify-email", token=token)


def reset(account_client: AccountClient, token: str) -> Response:
    """Follow the link in a mail to choose another password: PASSWORD."""
    return account_client.post("password/reset", token=token, password=PASSWORD)


def refresh(account_client: AccountClient, token: str) -> Response:
    """Trade a refresh token in."""
    return account_client.post("refresh", refresh_token=token)


def protect(account_client: AccountClient, access: str) -> None:
    """Turn on the second factor."""
    setup = account_client.post("totp", access)
    code = pyotp.TOTP(setup.json()["secret"]).now()
    confirmed = account_client.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
