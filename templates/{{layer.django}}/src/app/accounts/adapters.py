"""Where allauth asks how this service does things. It sends no mail and keeps no addresses."""

from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.adapter import DefaultHeadlessAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from app import about
from app.accounts import service
from app.accounts.models import User
from app.core import context
from app.core.errors import Unauthenticated
from app.settings import settings

# In Django's session, between the password and the second factor.
PASSWORD_SEEN = "password_seen"  # noqa: S105 - a name


class AccountAdapter(DefaultAccountAdapter):
    """Accounts."""

    def get_login_stages(self) -> list[str]:
        """Name the steps after the first: who has come so far has a verified address."""
        return ["allauth.mfa.stages.AuthenticateStage"]

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open the session, once all steps are done and nothing has changed meanwhile."""
        seen = request.session.get(PASSWORD_SEEN)
        try:
            confirmed = service.confirm_sign_in(user.pk, password_seen=seen)
        except Unauthenticated:
            # The cache must not keep how far it came, which the database is about to forget.
            request.session.flush()
            raise
        request.session.pop(PASSWORD_SEEN, None)
        super().login(request, confirmed)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Tell the address that the one setting of trusted proxies makes out."""
        return context.current().client_ip or "unknown"

    def send_mail(self, *_: Any) -> NoReturn:
        """Refuse: mails leave through the outbox (rule 7), see `app.accounts.jobs`."""
        raise RuntimeError("allauth sends no mail here")


def _documented(description: str, example: object) -> Any:
    return field(metadata={"description": description, "example": example})


@dataclass(frozen=True)
class Shown:
    """What answers say of a user; allauth's document describes it by this."""

    id: str = _documented("The user's id.", "0193a1c2-7d3e-7a55-9c1b-2f4e6d8a0b1c")
    display: str = _documented("The name.", "Ada Lovelace")
    email: str = _documented("The e-mail address.", "ada@example.com")
    has_usable_password: bool = _documented("False for who only signs in with a provider.", True)


class HeadlessAdapter(DefaultHeadlessAdapter):
    """What answers say of a user."""

    def get_user_dataclass(self) -> type[Shown]:
        """Describe it."""
        return Shown

    def user_as_dataclass(self, user: AbstractBaseUser) -> Shown:
        """Show an account to its owner."""
        assert isinstance(user, User)  # noqa: S101 - there is no other kind
        return Shown(
            id=str(user.id),
            display=user.name,
            email=user.email,
            has_usable_password=user.has_usable_password(),
        )


class MFAAdapter(DefaultMFAAdapter):
    """Second factors and passkeys."""

    def encrypt(self, text: str) -> str:
        """Seal what the database keeps."""
        return service.seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open it."""
        return service.open_secret(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Name the service in the authenticator app."""
        return about.NAME

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Bind passkeys to the domain where people use them: the front end's."""
        return {"id": urlsplit(settings.app_url).hostname or "", "name": about.NAME}
