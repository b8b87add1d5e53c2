"""Steps with an account, at this framework's own operations."""

import pyotp
from httpx2 import Response

from tests.accounts.actors import PASSWORD, Visitor


def verify(visitor: Visitor, token: str) -> Response:
    """Follow the link in a mail that asks whether the address is right."""
    return visitor.post("verify-email", token=token)


def reset(visitor: Visitor, token: str) -> Response:
    """Follow the link in a mail to choose another password: PASSWORD."""
    return visitor.post("password/reset", token=token, password=PASSWORD)


def refresh(visitor: Visitor, token: str) -> Response:
    """Trade a refresh token in."""
    return visitor.post("refresh", refresh_token=token)


def protect(visitor: Visitor, access: str) -> None:
    """Turn on the second factor."""
    setup = visitor.post("totp", access)
    code = pyotp.TOTP(setup.json()["secret"]).now()
    confirmed = visitor.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
