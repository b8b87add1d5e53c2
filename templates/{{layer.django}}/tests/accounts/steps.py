"""Steps with an account, at this framework's own operations."""

from httpx2 import Response

from tests.accounts.actors import PASSWORD, Visitor


def verify(visitor: Visitor, token: str) -> Response:
    """Follow the link in a mail that asks whether the address is right."""
    return visitor.post("auth/email/verify", key=token)


def reset(visitor: Visitor, token: str) -> Response:
    """Follow the link in a mail to choose another password: PASSWORD."""
    return visitor.post("auth/password/reset", key=token, password=PASSWORD)


def refresh(visitor: Visitor, token: str) -> Response:
    """Trade a refresh token in."""
    return visitor.post("tokens/refresh", refresh_token=token)


def protect(visitor: Visitor, access: str) -> None:
    """Turn on the second factor."""
    visitor.set_up_totp(access)
