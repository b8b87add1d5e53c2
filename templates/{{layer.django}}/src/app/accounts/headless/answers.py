"""Response bodies of allauth's operations, for the OpenAPI document: allauth builds them.

tests/described.py compares each response in the tests with them.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.schemas import Schema

_Absent = SkipJsonSchema[None]
AuthenticatorType = Literal["totp", "recovery_codes", "webauthn"]
UnixTime = Annotated[float, Field(description="Seconds since 1970-01-01 UTC")]


class SignedInUser(Schema):
    """The user of a session; `GET /api/v1/me` has more."""

    id: UUID
    display: str = Field(description="The user's name")
    email: str
    has_usable_password: bool = Field(
        description="False when the user signs in with OpenID Connect only"
    )


class AuthenticationMethod(Schema):
    """One step by which the user signed in or reauthenticated."""

    method: Literal["password", "mfa", "socialaccount"]
    at: UnixTime
    email: str | _Absent = None
    type: Annotated[
        AuthenticatorType | _Absent, Field(description="The second factor, for `mfa`")
    ] = None
    id: Annotated[int | _Absent, Field(description="The passkey, for `webauthn`")] = None
    passwordless: bool | _Absent = None
    reauthenticated: bool | _Absent = None


class AuthenticationFlow(Schema):
    """A way to continue."""

    id: Literal[
        "login",
        "signup",
        "mfa_login_webauthn",
        "mfa_authenticate",
        "verify_email",
        "reauthenticate",
        "mfa_reauthenticate",
    ]
    is_pending: Annotated[
        bool | _Absent, Field(description="True for the step that this client has to take next")
    ] = None
    types: Annotated[
        list[AuthenticatorType] | _Absent, Field(description="The second factors of the user")
    ] = None


class Authentication(Schema):
    user: SignedInUser
    methods: list[AuthenticationMethod]


class AuthenticatedMeta(Schema):
    is_authenticated: Literal[True]


class Authenticated(Schema):
    """The user is signed in."""

    status: Literal[200]
    data: Authentication
    meta: AuthenticatedMeta


class SessionTokens(AuthenticatedMeta):
    """The tokens of a new session."""

    access_token: str = Field(description="For `Authorization: Bearer`")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds until the access token expires")
    refresh_token: str = Field(description="Valid once; the refresh response contains the next one")


class SignedIn(Schema):
    """A session has begun."""

    status: Literal[200]
    data: Authentication
    meta: SessionTokens


class RefreshedTokens(Schema):
    access_token: str = Field(description="Valid as long as the one of the sign-in")
    refresh_token: str = Field(description="Valid once; the refresh response contains the next one")


class Refreshed(Schema):
    """The next pair of tokens."""

    status: Literal[200]
    data: RefreshedTokens


class AuthenticationOptions(Schema):
    flows: list[AuthenticationFlow]
    user: Annotated[
        SignedInUser | _Absent, Field(description="Only when the user has to reauthenticate")
    ] = None
    methods: Annotated[
        list[AuthenticationMethod] | _Absent,
        Field(description="Only when the user has to reauthenticate"),
    ] = None


class AuthenticationOptionsMeta(Schema):
    is_authenticated: bool | None = Field(
        description="True when the user is signed in, and has to reauthenticate"
    )
    session_token: Annotated[
        str | _Absent,
        Field(description="For `X-Session-Token`, with the next step of an unfinished sign-in"),
    ] = None


class AuthenticationRequired(Schema):
    """No user is signed in, a step of the sign-in is missing, or a recent proof is.

    Also the answer to a finished operation that begins no session. `data.flows` has the next steps.
    """

    status: Literal[401]
    data: AuthenticationOptions
    meta: AuthenticationOptionsMeta


class SessionTokenGone(Schema):
    """The `X-Session-Token` is unknown, has expired, or belongs to a finished sign-in."""

    status: Literal[410]
    data: AuthenticationOptions
    meta: AuthenticationOptionsMeta


class Done(Schema):
    """The operation is done."""

    status: Literal[200]


class AlreadySignedIn(Schema):
    """A user is signed in already."""

    status: Literal[409]


class InputError(Schema):
    message: str
    code: str
    param: Annotated[str | _Absent, Field(description="The field of the body")] = None


class InputRefused(Schema):
    """allauth refused the body."""

    status: Literal[400]
    errors: list[InputError]


class AccountConfiguration(Schema):
    login_methods: list[Literal["email"]]
    authentication_method: Literal["email"]
    is_open_for_signup: bool
    email_verification_by_code_enabled: bool
    login_by_code_enabled: bool
    password_reset_by_code_enabled: bool


class MfaConfiguration(Schema):
    supported_types: list[AuthenticatorType]
    passkey_login_enabled: bool


class ConfigurationData(Schema):
    account: AccountConfiguration
    mfa: MfaConfiguration


class Configuration(Schema):
    """What clients of any kind can do."""

    status: Literal[200]
    data: ConfigurationData


class TotpAuthenticator(Schema):
    """An authenticator app."""

    type: Literal["totp"]
    created_at: UnixTime
    last_used_at: UnixTime | None


class RecoveryCodesAuthenticator(Schema):
    """Single-use codes that replace a lost second factor."""

    type: Literal["recovery_codes"]
    created_at: UnixTime
    last_used_at: UnixTime | None
    total_code_count: int
    unused_code_count: int


class UnusedRecoveryCodes(RecoveryCodesAuthenticator):
    unused_codes: list[str] | _Absent = None


class PasskeyAuthenticator(Schema):
    """A passkey or security key."""

    type: Literal["webauthn"]
    id: int
    name: str
    is_passwordless: Annotated[
        bool | _Absent, Field(description="Whether it signs in without a password")
    ] = None
    created_at: UnixTime
    last_used_at: UnixTime | None


class Authenticators(Schema):
    """The second factors of the user."""

    status: Literal[200]
    data: list[
        Annotated[
            TotpAuthenticator | RecoveryCodesAuthenticator | PasskeyAuthenticator,
            Field(discriminator="type"),
        ]
    ]


class TotpEnabled(Schema):
    """TOTP is enabled."""

    status: Literal[200]
    data: TotpAuthenticator


class TotpSecret(Schema):
    secret: str = Field(description="Base32; the same until it is confirmed or read again")
    totp_url: str = Field(description="An `otpauth:` URI, for a QR code")


class TotpNotEnabled(Schema):
    """TOTP is not enabled; `meta` has a new secret for an authenticator app."""

    status: Literal[404]
    meta: TotpSecret


class RecoveryCodesRead(Schema):
    """The recovery codes that are left."""

    status: Literal[200]
    data: UnusedRecoveryCodes


class NoRecoveryCodes(Schema):
    """There are no recovery codes: they come with the first second factor."""

    status: Literal[404]


class PasskeyChanged(Schema):
    """The passkey as it is now."""

    status: Literal[200]
    data: PasskeyAuthenticator


class PasskeyAddedMeta(Schema):
    recovery_codes_generated: bool = Field(description="True when this was the first second factor")


class PasskeyAdded(PasskeyChanged):
    """The new passkey."""

    meta: PasskeyAddedMeta


class CreationOptions(Schema):
    creation_options: dict[str, Any] = Field(
        description="For `navigator.credentials.create` (WebAuthn, CredentialCreationOptions)"
    )


class PasskeyCreation(Schema):
    """A challenge for a new passkey."""

    status: Literal[200]
    data: CreationOptions


class RequestOptions(Schema):
    request_options: dict[str, Any] = Field(
        description="For `navigator.credentials.get` (WebAuthn, CredentialRequestOptions)"
    )


class PasskeyRequest(Schema):
    """A challenge for a passkey."""

    status: Literal[200]
    data: RequestOptions


class SessionTokenMeta(Schema):
    session_token: str = Field(description="For `X-Session-Token`, with the passkey's answer")


class PasskeySignIn(PasskeyRequest):
    """A challenge for a passkey, and the token of the sign-in that it begins."""

    meta: Annotated[
        SessionTokenMeta | _Absent, Field(description="Absent when a user is signed in already")
    ] = None
