"""Use cases of API keys, and their authentication."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q

from app.api_keys import rules
from app.api_keys.models import ApiKey
from app.audit import service as audit
from app.core import crypto
from app.core.db import tenancy
from app.core.db.rows import lock_or_404
from app.core.models import ClockTimestamp
from app.core.security import tokens
from app.core.security.impersonation import refuse_while_impersonating
from app.core.security.principals import KeyPrincipal
from app.core.security.roles import Scope

_now = ClockTimestamp


def create_api_key(
    *,
    organization_id: UUID,
    created_by: UUID | None,
    name: str,
    scopes: Sequence[Scope],
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Create an API key; return it with the secret key, which is not stored."""
    refuse_while_impersonating()
    rules.check_expiry(expires_at)
    new = tokens.new_api_key(organization_id)
    api_key = ApiKey.tenant.create(
        organization_id=organization_id,
        name=name,
        prefix=tokens.API_KEY_PREFIX + new.display,
        key_hash=new.hash,
        scopes=sorted(scopes),
        created_by_id=created_by,
        expires_at=expires_at,
    )
    audit.record(
        organization_id=organization_id,
        action="api_key.created",
        target_type="api_key",
        target_id=api_key.id,
        changes={"name": name, "scopes": api_key.scopes, "expires_at": expires_at},
    )
    return api_key, new.key


def revoke_api_key(*, organization_id: UUID, api_key_id: UUID) -> None:
    """Revoke a key; NotFound when it is revoked already."""
    rows = ApiKey.tenant.filter(organization_id=organization_id, id=api_key_id, revoked_at=None)
    api_key = lock_or_404(rows, "API key")
    api_key.revoked_at = _now()
    api_key.save(update_fields=("revoked_at",))
    audit.record(
        organization_id=organization_id,
        action="api_key.revoked",
        target_type="api_key",
        target_id=api_key_id,
        changes={"name": api_key.name},
    )


def authenticate(key: str) -> KeyPrincipal:
    """Return the principal of a key; Unauthenticated when it is unknown, revoked or expired.

    It is looked up by the hash of 256 random bits, so timing reveals nothing about the key.
    """
    organization_id = rules.read_organization_id(key)
    tenancy.enter_organization(organization_id)
    is_stale = Q(last_used_at=None) | Q(last_used_at__lt=_now() - rules.LAST_USED_PRECISION)
    api_key = (
        ApiKey.tenant.filter(
            Q(expires_at=None) | Q(expires_at__gt=_now()),
            organization_id=organization_id,
            key_hash=crypto.hash_secret(key),
            revoked_at=None,
        )
        .annotate(is_stale=ExpressionWrapper(is_stale, output_field=BooleanField()))
        .first()
    )
    if api_key is None:
        raise rules.invalid_key()
    if api_key.is_stale:
        _note_use(organization_id=organization_id, api_key_id=api_key.id)
    return KeyPrincipal(
        id=api_key.id,
        name=api_key.name,
        organization_id=organization_id,
        scopes=rules.known_scopes(api_key.scopes),
    )


def _note_use(*, organization_id: UUID, api_key_id: UUID) -> None:
    # Skip the row when another request has locked it: requests with one key must not wait for
    # each other.
    same = ApiKey.tenant.filter(organization_id=organization_id, id=api_key_id)
    free = same.select_for_update(skip_locked=True).values("id")
    ApiKey.tenant.filter(organization_id=organization_id, id__in=free).update(last_used_at=_now())
