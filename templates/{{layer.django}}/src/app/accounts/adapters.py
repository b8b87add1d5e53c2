"""allauth's adapters (`ACCOUNT_ADAPTER`, `HEADLESS_ADAPTER`, `MFA_ADAPTER`)."""

from typing import Any, NoReturn
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.adapter import DefaultHeadlessAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from app import about
from app.accounts import service
from app.accounts.headless.answers import SignedInUser
from app.core import context
from app.core.errors import Unauthenticated
from app.settings import settings

# In Django's session from the first step of a sign-in to the last.
_FINGERPRINT = "password_fingerprint"


class AccountAdapter(DefaultAccountAdapter):
    def pre_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse | None:
        request.session[_FINGERPRINT] = service.password_fingerprint(user)
        return super().pre_login(request, user, **options)

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        fingerprint = request.session.pop(_FINGERPRINT, None)
        try:
            confirmed = service.confirm_sign_in(user.pk, fingerprint=fingerprint)
        except Unauthenticated:
            # The database forgets this sign-in with the transaction; the cache must as well.
            request.session.flush()
            raise
        super().login(request, confirmed)

    def get_client_ip(self, request: HttpRequest) -> str:
        return context.current().client_ip or "unknown"

    def send_mail(self, *_: Any) -> NoReturn:
        raise RuntimeError("rule 7: mails leave through the outbox, see app.accounts.jobs")


class HeadlessAdapter(DefaultHeadlessAdapter):
    # allauth's own reads the address from its EmailAddress, which stays empty.
    def serialize_user(self, user: Any) -> dict[str, Any]:
        described = SignedInUser(
            id=user.pk,
            display=user.name,
            email=user.email,
            has_usable_password=user.has_usable_password(),
        )
        return described.model_dump(mode="json")


class MFAAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return service.seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        return service.open_secret(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # The front end's domain: browsers offer a passkey on the domain that registered it.
        return {"id": urlsplit(settings.app_url).hostname or "", "name": about.NAME}
