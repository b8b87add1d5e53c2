"""Sign-in with an OpenID Connect provider."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from pydantic import TypeAdapter, ValidationError

from app.accounts import queries
from app.accounts.models import Identity, User
from app.accounts.service.common import can_sign_in, insert_user, lock_user, notify, record
from app.core.errors import Conflict, Forbidden, Unauthenticated
from app.core.models import ClockTimestamp
from app.core.schemas import Email, Name
from app.core.security import oidc

_Email: TypeAdapter[str] = TypeAdapter(Email)
_Name: TypeAdapter[str] = TypeAdapter(Name)


def find_provider_user(*, identity: oidc.Identity) -> User:
    """Return the user of a provider's identity; creates the account on the first sign-in.

    The provider is responsible for the sign-in, including any second factor.
    """
    user_id = _find_identity(identity)
    if user_id is None:
        user_id = _link_identity(identity)
    user = lock_user(user_id)
    if user is None or not can_sign_in(user):
        raise Unauthenticated("The account is disabled.")
    return user


def _find_identity(identity: oidc.Identity) -> UUID | None:
    return (
        Identity.objects.filter(issuer=identity.issuer, subject=identity.subject)
        .values_list("user_id", flat=True)
        .first()
    )


def _link_identity(identity: oidc.Identity) -> UUID:
    """Link an identity to the account of its address, if provider and account verified it.

    Creates the account if the address has none.
    """
    email = _valid(_Email, identity.email)
    if email is None or not identity.email_verified:
        raise Unauthenticated("The provider has not verified an e-mail address of yours.")
    # An unverified sign-up may be an attacker's, with a password that the attacker knows
    # (account pre-hijacking): it is deleted, never linked.
    for pending in User.objects.select_for_update().filter(email=email, email_verified_at=None):
        pending.delete()
    created = insert_user(
        User(
            email=email,
            name=_valid(_Name, identity.name) or email.partition("@")[0],
            password=make_password(None),
            email_verified_at=ClockTimestamp(),
        )
    )
    user = queries.find_user(email)
    if user is None or user.email_verified_at is None:
        raise Conflict("The account was changed at the same time: try again.")
    if Authenticator.objects.filter(user_id=user.id).exists():
        # Control of the mailbox alone must not open an account that requires a second factor.
        raise Forbidden("The account has a second factor: sign in with the password.")
    link = Identity(user_id=user.id, issuer=identity.issuer, subject=identity.subject)
    Identity.objects.bulk_create([link], ignore_conflicts=True)
    if _find_identity(identity) != user.id:
        raise Conflict("The account was changed at the same time: try again.")
    record(user.id, "provider.linked", issuer=identity.issuer)
    if created is None:
        notify(user.id, "provider_linked")
    linked: UUID = user.id
    return linked


def _valid(type_: TypeAdapter[str], value: str | None) -> str | None:
    try:
        return type_.validate_python(value)
    except ValidationError:
        return None
