"""Texts of the mails of accounts."""

from uuid import UUID

from app.about import NAME
from app.accounts.rules import RESET, VERIFICATION
from app.core.mail_message import Link, Message
from app.core.security.tokens import sign_row_token
from app.settings import settings

NOTICES: dict[str, str] = {
    "password_changed": "The password of your account was changed. All other sessions have ended.",
    "totp_enabled": "Signing in to your account now needs a code of your authenticator app.",
    "totp_disabled": "Signing in to your account no longer needs a second factor.",
    "recovery_code_used": "A recovery code was used to sign in to your account.",
    "provider_linked": "Your account can now be used by signing in with an identity provider.",
}


def verification(to: str, *, token_id: UUID, name: str | None, has_password: bool) -> Message:
    """The link that finishes a sign-up; `name` and password are those stored with the token."""
    token = sign_row_token(VERIFICATION, token_id)
    return _message(
        to,
        f"Confirm your e-mail address for {NAME}",
        f"This e-mail address was used to sign up for {NAME}"
        + (f" with the name {name}." if name else "."),
        "If it was you, open this link within 24 hours to confirm the address.",
        Link("Confirm your e-mail address", f"{settings.app_url}/verify-email?token={token}"),
        "If it was not you, ignore this mail: without the link, the account cannot be used."
        if has_password
        else "Then set a password with “Forgot password”: this address was used for several "
        "sign-ups, and we cannot tell which one was yours.",
    )


def already_registered(to: str) -> Message:
    """For the owner of an account whose address a sign-up used."""
    return _message(
        to,
        f"You already have an account at {NAME}",
        f"This e-mail address was used to sign up for {NAME}, but it already has an account. "
        "Nothing was changed.",
        "If it was you, sign in, or set a new password with “Forgot password”.",
        Link(f"Open {NAME}", settings.app_url),
    )


def password_reset(to: str, *, token_id: UUID) -> Message:
    token = sign_row_token(RESET, token_id)
    return _message(
        to,
        f"Set a new password for {NAME}",
        f"To set a new password for {NAME}, open this link within 30 minutes.",
        Link("Set a new password", f"{settings.app_url}/reset-password?token={token}"),
        "If you did not ask for it, ignore this mail; your password stays the same.",
    )


def notice(to: str, text: str) -> Message:
    """About a change of the account, so that an attacker's change is noticed."""
    return _message(
        to,
        f"Your account at {NAME}",
        text,
        "If it was not you, set a new password at once.",
        Link(f"Open {NAME}", settings.app_url),
    )


def _message(to: str, subject: str, *body: str | Link) -> Message:
    return Message(to=to, subject=subject, body=body)
