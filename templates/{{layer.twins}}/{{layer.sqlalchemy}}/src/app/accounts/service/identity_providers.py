"""Sign-in with an OpenID Connect provider."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts import queries, rules
from app.accounts.models import Identity, User
from app.accounts.schemas import Transport
from app.accounts.service.common import can_sign_in, lock_user, notify, now, record
from app.accounts.service.sessions import Cookie, open_session
from app.core.ids import uuid7
from app.core.security import oidc


def sign_in_with_provider(
    session: Session, *, identity: oidc.Identity, transport: Transport
) -> rules.Tokens | Cookie:
    """Open a session for a provider's identity; creates the account on the first sign-in.

    The provider is responsible for the sign-in, including any second factor.
    """
    user_id = _find_identity(session, identity)
    if user_id is None:
        user_id = _link_identity(session, identity)
    user = lock_user(session, user_id)
    if user is None or not can_sign_in(user):
        raise rules.account_disabled()
    return open_session(session, user, transport, method=identity.issuer)


def _find_identity(session: Session, identity: oidc.Identity) -> UUID | None:
    return session.scalar(
        select(Identity.user_id).where(
            Identity.issuer == identity.issuer, Identity.subject == identity.subject
        )
    )


def _link_identity(session: Session, identity: oidc.Identity) -> UUID:
    """Link an identity to the account of its address, if provider and account verified it.

    Creates the account if the address has none.
    """
    email = rules.provider_email(identity.email, verified=identity.email_verified)
    # An unverified sign-up may be an attacker's, with a password that the attacker knows
    # (account pre-hijacking): it is deleted, never linked.
    session.execute(delete(User).where(User.email == email, User.email_verified_at.is_(None)))
    created = session.scalar(
        insert(User)
        .values(
            id=uuid7(),
            email=email,
            name=rules.provider_name(identity.name, email=email),
            email_verified_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    user = queries.find_user(session, email)
    if user is None or user.email_verified_at is None:
        raise rules.account_changed()
    if user.totp_confirmed_at is not None:
        raise rules.second_factor_required()
    linked: UUID | None = session.scalar(
        insert(Identity)
        .values(id=uuid7(), user_id=user.id, issuer=identity.issuer, subject=identity.subject)
        .on_conflict_do_nothing(index_elements=[Identity.issuer, Identity.subject])
        .returning(Identity.user_id)
    )
    if linked is None:
        raise rules.account_changed()
    record(session, user.id, "provider.linked", issuer=identity.issuer)
    if created is None:
        notify(session, user.id, "provider_linked")
    return linked
