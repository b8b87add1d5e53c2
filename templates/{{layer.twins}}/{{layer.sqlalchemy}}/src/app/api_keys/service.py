"""Use cases of API keys, and authentication with a key."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.api_keys import rules
from app.api_keys.models import ApiKey
from app.audit import service as audit
from app.core import crypto
from app.core.db import tenancy
from app.core.db.rows import get_or_404
from app.core.ids import uuid7
from app.core.security import tokens
from app.core.security.principals import KeyPrincipal
from app.core.security.roles import Scope


def create_api_key(
    session: Session,
    *,
    organization_id: UUID,
    created_by: UUID | None,
    name: str,
    scopes: Sequence[Scope],
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Create an API key; returns its row and the key, which is not stored."""
    rules.check_expiry(expires_at)
    new = tokens.new_api_key(organization_id)
    api_key = ApiKey(
        id=uuid7(),
        organization_id=organization_id,
        name=name,
        prefix=tokens.API_KEY_PREFIX + new.display,
        key_hash=new.hash,
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
    )
    session.add(api_key)
    session.flush()
    audit.record(
        session,
        organization_id=organization_id,
        action="api_key.created",
        target_type="api_key",
        target_id=api_key.id,
        changes={"name": name, "scopes": api_key.scopes, "expires_at": expires_at},
    )
    return api_key, new.key


def revoke_api_key(session: Session, *, organization_id: UUID, api_key_id: UUID) -> None:
    """Revoke a key; NotFound when it is revoked already."""
    statement = (
        update(ApiKey)
        .where(
            ApiKey.organization_id == organization_id,
            ApiKey.id == api_key_id,
            ApiKey.revoked_at.is_(None),
        )
        .values(revoked_at=func.clock_timestamp())
        .returning(ApiKey.name)
    )
    name = get_or_404(session, statement, "API key")
    audit.record(
        session,
        organization_id=organization_id,
        action="api_key.revoked",
        target_type="api_key",
        target_id=api_key_id,
        changes={"name": name},
    )


def authenticate(session: Session, key: str) -> KeyPrincipal:
    """Set the transaction's tenant and return the principal of a key.

    Raises Unauthenticated when the key is unknown, revoked or expired. The look-up is by the hash
    of 256 random bits, so its timing tells nothing about the key.
    """
    organization_id = rules.read_organization_id(key)
    tenancy.enter_organization(session, organization_id)
    now = func.clock_timestamp()
    is_stale = or_(
        ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - rules.LAST_USED_PRECISION
    )
    row = session.execute(
        select(ApiKey, is_stale).where(
            ApiKey.organization_id == organization_id,
            ApiKey.key_hash == crypto.hash_secret(key),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
        )
    ).one_or_none()
    if row is None:
        raise rules.invalid_key()
    api_key, stale = row
    if stale:
        _update_last_used(session, organization_id=organization_id, api_key_id=api_key.id)
    return KeyPrincipal(
        id=api_key.id,
        name=api_key.name,
        organization_id=organization_id,
        scopes=rules.known_scopes(api_key.scopes),
    )


def _update_last_used(session: Session, *, organization_id: UUID, api_key_id: UUID) -> None:
    # Skipped while a concurrent request holds the row: it writes the same value, and requests
    # with one key must not wait for each other.
    free = (
        select(ApiKey.id)
        .where(ApiKey.organization_id == organization_id, ApiKey.id == api_key_id)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    session.execute(
        update(ApiKey)
        .where(ApiKey.organization_id == organization_id, ApiKey.id == free)
        .values(last_used_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
