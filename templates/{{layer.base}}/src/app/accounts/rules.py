"""Rules of accounts: lifetimes and limits, decisions, and their errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.accounts.schemas import Me
from app.accounts.schemas import SignUp as NewAccount
from app.core import context
from app.core.errors import Conflict, Forbidden, Invalid, MfaRequired, Unauthenticated
from app.core.schemas import Email, Name
from app.core.security import access_tokens
from app.core.security.client_ip import network
from app.core.web.preconditions import content_etag

# Purposes of the tokens sent by mail.
VERIFICATION = "verify_email"
RESET = "reset_password"
TOKEN_LIFETIMES = {VERIFICATION: timedelta(hours=24), RESET: timedelta(minutes=30)}

SESSION_LIFETIME = timedelta(days=30)
# Precision of a session's `last_used_at`: not every request costs a write.
LAST_USED_PRECISION = timedelta(minutes=1)
# Within this window a reused refresh token is rejected without ending the session: two tabs
# may refresh at once.
REUSE_GRACE = timedelta(seconds=10)

# Ended sessions are kept to recognise reused refresh tokens, and for investigations.
KEEP_ENDED = timedelta(days=30)
KEEP_UNVERIFIED = timedelta(days=7)

# Mails of one kind to one address, caused by requests from one network.
MAIL_RATE = "5/hour"
# The limit of all networks together on one account, and of one network on all accounts, is this
# many times the limit of one network on one account.
WIDE_FACTOR = 10
# Three of a million codes are valid at any time. Reached only with the correct password, so a
# stranger cannot use this limit to lock the owner out.
SECOND_FACTOR_RATE = "10/hour"

type Notice = Literal[
    "password_changed", "totp_enabled", "totp_disabled", "recovery_code_used", "provider_linked"
]

_Email: TypeAdapter[str] = TypeAdapter(Email)
_Name: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Person:
    """The fields of a user that other modules may see."""

    id: UUID
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session for a client that sends headers."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - the token type of RFC 6750, no secret
    expires_in: int = int(access_tokens.LIFETIME.total_seconds())


class SignUp(Protocol):
    """A verification token that carries the password of a sign-up."""

    @property
    def password_hash(self) -> str | None: ...


def me_etag(me: Me) -> str:
    """Return the ETag: of the visible fields, since sign-ins change other columns of the row."""
    return content_etag(me.model_dump_json().encode())


def attempt_key(email: str) -> str:
    """Return the rate-limit key of one account and the client's network."""
    return f"{email} {network(context.current().client_ip)}"


def agreed_sign_up[Pending: SignUp](pending: Sequence[Pending]) -> Pending | None:
    """Return the sign-up of an address whose password counts; None when their passwords differ.

    Then one may be an attacker's (account pre-hijacking): the owner sets the password by a reset.
    """
    return pending[0] if len({item.password_hash for item in pending}) == 1 else None


def check_new_account(*, email: str, password: str, name: str | None) -> NewAccount:
    """Return the values of an account that an operator creates, by the rules of a sign-up.

    Without a name it is the local part of the address. Raises Invalid.
    """
    try:
        return NewAccount(email=email, password=password, name=name or email.partition("@")[0])
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = problem["loc"][0]
        # Without the cause: its text contains the password.
        raise Invalid(
            pointer=f"/{field}", code=problem["type"], detail=f"{field}: {problem['msg']}"
        ) from None


def provider_email(email: str | None, *, verified: bool) -> str:
    """Return the address of an identity; Unauthenticated unless the provider verified it."""
    found = _valid(_Email, email)
    if found is None or not verified:
        raise Unauthenticated("The provider has not verified an e-mail address of yours.")
    return found


def provider_name(name: str | None, *, email: str) -> str:
    """Return the name for a new account of an identity."""
    return _valid(_Name, name) or email.partition("@")[0]


def _valid(type_: TypeAdapter[str], value: str | None) -> str | None:
    try:
        return type_.validate_python(value)
    except ValidationError:
        return None


class RefreshTokenReused(Unauthenticated):
    """A used refresh token was presented again; the end of its session is committed."""

    commits = True

    def __init__(self) -> None:
        super().__init__("The refresh token was used before: sign in again.")


def invalid_refresh_token() -> Unauthenticated:
    return Unauthenticated("The refresh token is invalid, used or expired.")


def session_ended() -> Unauthenticated:
    return Unauthenticated("The session has ended.")


def wrong_credentials() -> Unauthenticated:
    """Return the error of every refused sign-in: it must not tell whether there is an account."""
    return Unauthenticated("The e-mail address or the password is wrong.")


def account_disabled() -> Unauthenticated:
    return Unauthenticated("The account is disabled.")


def wrong_password(pointer: str) -> Invalid:
    return Invalid(pointer=pointer, code="wrong_password", detail="The password is wrong.")


def wrong_totp_code() -> Invalid:
    return Invalid(pointer="/code", code="wrong_code", detail="The code is wrong.")


def code_refused() -> MfaRequired:
    return MfaRequired("The code is wrong, or was used before.")


def totp_exists() -> Conflict:
    return Conflict("A second factor is set up already: remove it first.")


def no_totp() -> Conflict:
    return Conflict("No second factor is set up.")


def second_factor_required() -> Forbidden:
    """Return the refusal to link an identity: a mailbox alone must not open such an account."""
    return Forbidden("The account has a second factor: sign in with the password.")


def account_changed() -> Conflict:
    return Conflict("The account was changed at the same time: try again.")


def address_has_account() -> Conflict:
    return Conflict("The address has an account already.")


def account_is_already(state: str) -> Conflict:
    return Conflict(f"The account is {state} already.")
