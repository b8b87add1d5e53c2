"""Sign-in with an OpenID Connect provider."""

from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries
from app.accounts.models import Identity, User
from app.accounts.schemas import Transport
from app.accounts.service.common import can_sign_in, lock_user, notify, now, record
from app.accounts.service.sessions import Cookie, Tokens, open_session
from app.core.errors import Conflict, Forbidden, Unauthenticated
from app.core.ids import uuid7
from app.core.schemas import Email, Name
from app.core.security import oidc

_Email: TypeAdapter[str] = TypeAdapter(Email)
_Name: TypeAdapter[str] = TypeAdapter(Name)


async def sign_in_with_provider(
    session: AsyncSession, *, identity: oidc.Identity, transport: Transport
) -> Tokens | Cookie:
    """Open a session for a provider's identity; creates the account on the first sign-in.

    The provider is responsible for the sign-in, including any second factor.
    """
    user_id = await _find_identity(session, identity)
    if user_id is None:
        user_id = await _link_identity(session, identity)
    user = await lock_user(session, user_id)
    if user is None or not can_sign_in(user):
        raise Unauthenticated("The account is disabled.")
    return await open_session(session, user, transport, method=identity.issuer)


async def _find_identity(session: AsyncSession, identity: oidc.Identity) -> UUID | None:
    return await session.scalar(
        select(Identity.user_id).where(
            Identity.issuer == identity.issuer, Identity.subject == identity.subject
        )
    )


async def _link_identity(session: AsyncSession, identity: oidc.Identity) -> UUID:
    """Link an identity to the account of its address, if provider and account verified it.

    Creates the account if the address has none.
    """
    email = _valid(_Email, identity.email)
    if email is None or not identity.email_verified:
        raise Unauthenticated("The provider has not verified an e-mail address of yours.")
    # An unverified sign-up may be an attacker's, with a password that the attacker knows
    # (account pre-hijacking): it is deleted, never linked.
    await session.execute(delete(User).where(User.email == email, User.email_verified_at.is_(None)))
    created = await session.scalar(
        insert(User)
        .values(
            id=uuid7(),
            email=email,
            name=_valid(_Name, identity.name) or email.partition("@")[0],
            email_verified_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    user = await queries.find_user(session, email)
    if user is None or user.email_verified_at is None:
        raise Conflict("The account was changed at the same time: try again.")
    if user.totp_confirmed_at is not None:
        # Control of the mailbox alone must not open an account that requires a second factor.
        raise Forbidden("The account has a second factor: sign in with the password.")
    linked: UUID | None = await session.scalar(
        insert(Identity)
        .values(id=uuid7(), user_id=user.id, issuer=identity.issuer, subject=identity.subject)
        .on_conflict_do_nothing(index_elements=[Identity.issuer, Identity.subject])
        .returning(Identity.user_id)
    )
    if linked is None:
        raise Conflict("The account was changed at the same time: try again.")
    await record(session, user.id, "provider.linked", issuer=identity.issuer)
    if created is None:
        await notify(session, user.id, "provider_linked")
    return linked


def _valid(type_: TypeAdapter[str], value: str | None) -> str | None:
    try:
        return type_.validate_python(value)
    except ValidationError:
        return None
