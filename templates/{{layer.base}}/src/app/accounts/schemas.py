"""Request and response bodies of accounts."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app import demo
from app.core.schemas import ONE_LINE, Email, Input, Name, Page, Schema, Timestamp
from app.core.security.passwords import MAX_LENGTH, MIN_LENGTH

# For the examples of request bodies, which the documentation page proposes.
_NEW = "velvet otter 7 harbour"
_MAILED = "token-from-the-mail"

_PASSWORD = Field(repr=False, json_schema_extra={"format": "password", "writeOnly": True})
NewPassword = Annotated[
    str,
    StringConstraints(min_length=MIN_LENGTH, max_length=MAX_LENGTH, pattern=ONE_LINE),
    _PASSWORD,
]
# A present password has no minimum length: the rules may have changed since it was set.
Password = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH), _PASSWORD]
# As long as the longest kind of token: a token of the wrong kind gives `invalid_token`.
Token = Annotated[str, StringConstraints(min_length=1, max_length=2000), Field(repr=False)]
TotpCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Code = Annotated[str, StringConstraints(min_length=1, max_length=32)]

type Transport = Literal["token", "cookie"]


class SignUp(Input):
    """A new account. Sign-in is possible after the address is verified."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": _NEW, "name": "Ada Lovelace"}]
        }
    )

    email: Email
    password: NewPassword
    name: Name


class EmailOnly(Input):
    """The address of an account; a mail is sent if the account exists."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": demo.EMAIL}]})

    email: Email


class VerifyEmail(Input):
    """The token from the verification mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": _MAILED}]})

    token: Token


class SignIn(Input):
    """Credentials; one of the codes is required when the account has a second factor."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": demo.EMAIL, "password": demo.PASSWORD}]}
    )

    email: Email
    password: Password
    totp_code: TotpCode | None = Field(default=None, repr=False)
    recovery_code: Code | None = Field(default=None, repr=False)


class Refresh(Input):
    """A refresh token. It is valid once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "refresh-token-of-the-sign-in"}]}
    )

    refresh_token: Token


class Accepted(Schema):
    """Response to a request that may send a mail; the same whether or not the account exists."""

    detail: str = "If the address qualifies, we have sent a mail to it."


class Tokens(Schema):
    """The tokens of a session."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the token type of RFC 6750, no secret
    expires_in: int = Field(description="Seconds until the access token expires")
    refresh_token: str = Field(description="Valid once; the refresh response contains the next one")


class Session(Schema):
    """A session of the caller: one sign-in on one device."""

    id: UUID
    user_agent: str | None
    ip: str | None
    created_at: Timestamp
    last_used_at: Timestamp = Field(description="Precise to the minute")
    expires_at: Timestamp
    current: bool = Field(description="Whether this request uses the session")


class SessionPage(Page[Session]):
    """One page of a list."""


class PasswordReset(Input):
    """The token from the mail, and the new password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": _MAILED, "password": _NEW}]}
    )

    token: Token
    password: NewPassword


class PasswordChange(Input):
    """The current and the new password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"current_password": demo.PASSWORD, "new_password": _NEW}]}
    )

    current_password: Password
    new_password: NewPassword


class PasswordProof(Input):
    """The current password, to confirm a sensitive operation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": demo.PASSWORD}]})

    password: Password


class TotpSetup(Schema):
    """The secret for an authenticator app, in base32 and as a URI for a QR code."""

    secret: str
    otpauth_uri: str


class TotpConfirm(Input):
    """A code from the authenticator app, to confirm its setup."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "123456"}]})

    code: TotpCode


class RecoveryCodes(Schema):
    """Single-use codes that replace the authenticator app when it is lost. Shown once."""

    recovery_codes: list[str]


class Me(Schema):
    """The caller's own account."""

    id: UUID
    email: str
    name: str
    has_password: bool = Field(description="False when the user signs in with OpenID Connect only")
    totp_enabled: bool
    created_at: Timestamp


class MeUpdate(Input):
    """The fields of the account that the user can change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ada Lovelace"}]})

    name: Name


class Jwk(Schema):
    """A public key that verifies access tokens (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JwkSet(Schema):
    """The public keys, the current signing key first (RFC 7517)."""

    keys: list[Jwk]
