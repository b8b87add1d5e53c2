"""Request bodies of allauth's operations, checked by Pydantic models instead of form fields.

An allauth view makes its `input_class` of the JSON body and calls `is_valid`. What is refused here
is answered with problem details; allauth's own forms answer 400 in a format of their own.
"""

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from allauth.account.models import Login
from allauth.headless.account import inputs as account
from allauth.headless.mfa import inputs as mfa
from django.forms import Form
from django.http import HttpRequest
from ninja.errors import ValidationError as BodyError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from app.accounts import schemas, service
from app.core.schemas import Email, Input


class Credentials(Input):
    """The first step of a sign-in."""

    model_config = schemas.SignIn.model_config

    email: Email
    password: schemas.Password


class Key(Input):
    """The token from the mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"key": "token-from-the-mail"}]})

    key: schemas.Token


class KeyAndPassword(Key):
    """The token from the mail, and the new password."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"key": "token-from-the-mail", "password": "velvet otter 7 harbour"}]
        }
    )

    password: schemas.NewPassword


class Code(Input):
    """A TOTP code, or a recovery code where one is accepted."""

    model_config = schemas.TotpConfirm.model_config

    code: schemas.Code


class _WebAuthn(BaseModel):
    """A part of WebAuthn's JSON. A field that has no name here is dropped."""

    model_config = ConfigDict(alias_generator=to_camel)


_Encoded = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+=*$", max_length=16_000)]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,30}$")]
_Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=100)]


class CredentialProperties(_WebAuthn):
    rk: bool | None = None


class CredentialExtensions(_WebAuthn):
    cred_props: CredentialProperties | None = None


class AuthenticatorResponse(_WebAuthn):
    client_data_json: Annotated[_Encoded, Field(alias="clientDataJSON")]
    attestation_object: _Encoded | None = None
    transports: Annotated[list[_Word], Field(max_length=10)] | None = None
    authenticator_data: _Encoded | None = None
    signature: _Encoded | None = None
    user_handle: _Encoded | None = None


class PublicKeyCredential(_WebAuthn):
    """A credential of the browser, as `toJSON` of WebAuthn writes it."""

    id: _Encoded
    raw_id: _Encoded
    type: Literal["public-key"]
    authenticator_attachment: _Word | None = None
    client_extension_results: CredentialExtensions = Field(default_factory=CredentialExtensions)
    response: AuthenticatorResponse


class Passkey(_WebAuthn):
    credential: PublicKeyCredential | None = None
    name: _Line | None = None


_ASSERTION: dict[str, Any] = {
    "id": "a2V5",
    "rawId": "a2V5",
    "type": "public-key",
    "response": {"clientDataJSON": "e30", "authenticatorData": "e30", "signature": "e30"},
}
_ATTESTATION: dict[str, Any] = _ASSERTION | {
    "response": {"clientDataJSON": "e30", "attestationObject": "e30"}
}


# What allauth's forms require of a body that `Passkey` has checked: for the OpenAPI document.
class PasskeyAnswer(Input):
    """The credential that answers a challenge."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"credential": _ASSERTION}]})

    credential: PublicKeyCredential


class PasskeyCreate(PasskeyAnswer):
    """A new passkey."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Phone", "credential": _ATTESTATION}]}
    )

    name: Annotated[_Line | None, Field(description="Chosen by the service when absent")] = None


class PasskeyRename(Input):
    """The new name of a passkey."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": 1, "name": "Phone"}]})

    id: int
    name: Annotated[_Line, Field(min_length=1)]


class PasskeyDelete(Input):
    """The passkeys to remove."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"authenticators": [1]}]})

    authenticators: Annotated[list[int], Field(min_length=1, description="Their ids")]


def validate[Model: BaseModel](model: type[Model], data: Any) -> Model:
    """Make `model` of a JSON body; Ninja's ValidationError is answered with 422."""
    try:
        return model.model_validate(data or {})
    except ValidationError as error:
        found = [{**item, "loc": ("body", "", *item["loc"])} for item in error.errors()]
        raise BodyError(found) from error


class _ModelInput(Form):
    model: ClassVar[type[BaseModel]]

    def is_valid(self) -> bool:
        self.cleaned_data = dict(validate(self.model, self.data))
        return True


class LoginInput(_ModelInput):
    model = Credentials

    @cached_property
    def login(self) -> Login:
        user = service.check_password(**self.cleaned_data)
        return Login(user=user, email=user.email)


class RefreshTokenInput(_ModelInput):
    model = schemas.Refresh


class RequestPasswordResetInput(_ModelInput):
    model = schemas.EmailOnly

    def save(self, request: HttpRequest) -> None:
        service.request_password_reset(**self.cleaned_data)


class ReauthenticateInput(_ModelInput, account.ReauthenticateInput):
    model = schemas.PasswordProof

    def is_valid(self) -> bool:
        super().is_valid()
        service.confirm_password(self.user.pk, self.cleaned_data["password"], pointer="/password")
        return True


class _CodeInput(_ModelInput):
    model = Code
    user: Any

    def is_valid(self) -> bool:
        super().is_valid()
        self.authenticator = service.accept_code(self.user, self.cleaned_data["code"])
        return True


class AuthenticateInput(_CodeInput, mfa.AuthenticateInput):
    pass


class ReauthenticateCodeInput(_CodeInput, mfa.ReauthenticateInput):
    pass


class ActivateTOTPInput(_ModelInput, mfa.ActivateTOTPInput):
    model = Code

    def is_valid(self) -> bool:
        super().is_valid()
        code = self.cleaned_data["code"]
        self.step = service.check_totp_setup(self.user.pk, secret=self.secret, code=code)
        return True
