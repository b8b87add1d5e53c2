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
    email: Email
    password: schemas.Password


class Key(Input):
    key: schemas.Token


class KeyAndPassword(Key):
    password: schemas.NewPassword


class Code(Input):
    code: schemas.Code


class _Camel(BaseModel):
    """A part of WebAuthn's JSON. A field that has no name here is dropped."""

    model_config = ConfigDict(alias_generator=to_camel)


_Encoded = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+=*$", max_length=16_000)]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,30}$")]
_Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=100)]


class _CredProps(_Camel):
    rk: bool | None = None


class _Extensions(_Camel):
    cred_props: _CredProps | None = None


class _Response(_Camel):
    client_data_json: Annotated[_Encoded, Field(alias="clientDataJSON")]
    attestation_object: _Encoded | None = None
    transports: Annotated[list[_Word], Field(max_length=10)] | None = None
    authenticator_data: _Encoded | None = None
    signature: _Encoded | None = None
    user_handle: _Encoded | None = None


class _Credential(_Camel):
    id: _Encoded
    raw_id: _Encoded
    type: Literal["public-key"]
    authenticator_attachment: _Word | None = None
    client_extension_results: _Extensions = Field(default_factory=_Extensions)
    response: _Response


class Passkey(_Camel):
    credential: _Credential | None = None
    name: _Line | None = None


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
