"""The contract of accounts."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.core.schemas import ONE_LINE, Email, Input, Name, Page, Schema, Timestamp
from app.core.security.passwords import MAX_LENGTH, MIN_LENGTH

_PASSWORD = Field(
    repr=False,
    json_schema_extra={"format": "password", "writeOnly": True},
    examples=["velvet otter 7 harbour"],
)
NewPassword = Annotated[
    str,
    StringConstraints(min_length=MIN_LENGTH, max_length=MAX_LENGTH, pattern=ONE_LINE),
    _PASSWORD,
]
# One to compare with has no minimum: the rules may have been others when it was chosen.
Password = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH), _PASSWORD]
# As long as the longest token of any kind: another kind is refused as a token, not by length.
Token = Annotated[str, StringConstraints(min_length=1, max_length=2000), Field(repr=False)]
TotpCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Code = Annotated[str, StringConstraints(min_length=1, max_length=32)]

type Transport = Literal["token", "cookie"]


class SignUp(Input):
    """A new account; it can be used once the address is verified."""

    email: Email
    password: NewPassword
    name: Name


class EmailOnly(Input):
    """An address to which a mail goes, if it has an account."""

    email: Email


class VerifyEmail(Input):
    """The token from the mail."""

    token: Token


class SignIn(Input):
    """Credentials; a code only when the account has a second factor."""

    email: Email
    password: Password
    totp_code: TotpCode | None = Field(default=None, repr=False)
    recovery_code: Code | None = Field(default=None, repr=False)


class Refresh(Input):
    """A refresh token, which works once."""

    refresh_token: Token


class Tokens(Schema):
    """A session's tokens."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a name
    expires_in: int = Field(description="Seconds until the access token expires")
    refresh_token: str = Field(description="Works once; the answer has the next one")


class Session(Schema):
    """One sign-in of the caller."""

    id: UUID
    user_agent: str | None
    ip: str | None
    created_at: Timestamp
    last_used_at: Timestamp = Field(description="To the minute")
    expires_at: Timestamp
    current: bool = Field(description="Whether this request belongs to it")


class SessionPage(Page[Session]):
    """One page of a list."""


class PasswordReset(Input):
    """The token from the mail, and the password to set."""

    token: Token
    password: NewPassword


class PasswordChange(Input):
    """The present password, and the next."""

    current_password: Password
    new_password: NewPassword


class PasswordProof(Input):
    """The password, asked again for what cannot be undone."""

    password: Password


class TotpSetup(Schema):
    """What an authenticator app needs, as text and as the URI for a QR code."""

    secret: str
    otpauth_uri: str


class TotpConfirm(Input):
    """A code from the authenticator app, as proof that it was set up."""

    code: TotpCode


class RecoveryCodes(Schema):
    """Single-use codes for the day the authenticator is lost. Shown once."""

    recovery_codes: list[str]


class Me(Schema):
    """The caller's own account."""

    id: UUID
    email: str
    name: str
    has_password: bool = Field(description="False for who only signs in with a provider")
    totp_enabled: bool
    created_at: Timestamp


class MeUpdate(Input):
    """What a user may change of the account."""

    name: Name


class Jwk(Schema):
    """A public key that signs access tokens (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JwkSet(Schema):
    """The public keys, the one in use first (RFC 7517)."""

    keys: list[Jwk]
