"""Sign-in with an OpenID Connect provider."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password

from app.accounts import queries, rules
from app.accounts.models import Identity, User
from app.accounts.service.common import can_sign_in, insert_user, lock_user, notify, record
from app.core.models import ClockTimestamp
from app.core.security import oidc


def find_provider_user(*, identity: oidc.Identity) -> User:
    """Return the user of a provider's identity; creates the account on the first sign-in.

    The provider is responsible for the sign-in, including any second factor.
    """
    user_id = _find_identity(identity)
    if user_id is None:
        user_id = _link_identity(identity)
    user = lock_user(user_id)
    if user is None or not can_sign_in(user):
        raise rules.account_disabled()
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
    email = rules.provider_email(identity.email, verified=identity.email_verified)
    # An unverified sign-up may be an attacker's, with a password that the attacker knows
    # (account pre-hijacking): it is deleted, never linked.
    for pending in User.objects.select_for_update().filter(email=email, email_verified_at=None):
        pending.delete()
    created = insert_user(
        User(
            email=email,
            name=rules.provider_name(identity.name, email=email),
            password=make_password(None),
            email_verified_at=ClockTimestamp(),
        )
    )
    user = queries.find_user(email)
    if user is None or user.email_verified_at is None:
        raise rules.account_changed()
    if Authenticator.objects.filter(user_id=user.id).exists():
        raise rules.second_factor_required()
    link = Identity(user_id=user.id, issuer=identity.issuer, subject=identity.subject)
    Identity.objects.bulk_create([link], ignore_conflicts=True)
    if _find_identity(identity) != user.id:
        raise rules.account_changed()
    record(user.id, "provider.linked", issuer=identity.issuer)
    if created is None:
        notify(user.id, "provider_linked")
    linked: UUID = user.id
    return linked
