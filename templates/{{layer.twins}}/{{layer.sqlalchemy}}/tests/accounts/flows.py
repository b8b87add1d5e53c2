"""Account operations whose paths and bodies differ between the frameworks."""

import pyotp
from httpx2 import Response

from tests.accounts.account_client import PASSWORD, AccountClient


def verify(account_client: AccountClient, token: str) -> Response:
    """Verify an e-mail address with the token of a mail."""
    return account_client.post("verify-email", token=token)


def reset(account_client: AccountClient, token: str) -> Response:
    """Set the password to PASSWORD with the token of a mail."""
    return account_client.post("password/reset", token=token, password=PASSWORD)


def refresh(account_client: AccountClient, token: str) -> Response:
    return account_client.post("refresh", refresh_token=token)


def enable_totp(account_client: AccountClient, access: str) -> None:
    setup = account_client.post("totp", access)
    code = pyotp.TOTP(setup.json()["secret"]).now()
    confirmed = account_client.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
