"""Steps with an account, at this framework's own operations."""

import pyotp
from httpx2 import Response

from tests.accounts.actors import PASSWORD, Visitor


async def verify(visitor: Visitor, token: str) -> Response:
    """Follow the link in a mail that asks whether the address is right."""
    return await visitor.post("verify-email", token=token)


async def reset(visitor: Visitor, token: str) -> Response:
    """Follow the link in a mail to choose another password: PASSWORD."""
    return await visitor.post("password/reset", token=token, password=PASSWORD)


async def refresh(visitor: Visitor, token: str) -> Response:
    """Trade a refresh token in."""
    return await visitor.post("refresh", refresh_token=token)


async def protect(visitor: Visitor, access: str) -> None:
    """Turn on the second factor."""
    setup = await visitor.post("totp", access)
    code = pyotp.TOTP(setup.json()["secret"]).now()
    confirmed = await visitor.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
