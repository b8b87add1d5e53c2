"""Stores idempotency keys.

The claim is committed in its own transaction before the request is executed, so that concurrent
repeats see it. The response is stored in the transaction of the request: both are committed, or
neither.
"""

from hashlib import sha256

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.core.models import IdempotencyKey
from app.core.web.idempotency_rules import (
    CLAIM_TIMEOUT,
    LIFETIME,
    Claim,
    StoredResponse,
    claim_lost,
    reject_claim,
)


def claim(key: str, *, caller: str, route: str, body: bytes) -> Claim:
    """Claim `key` for this caller and route, or raise Replay, IdempotencyConflict or -Mismatch."""
    fingerprint = sha256(body).digest()
    scope = {"caller": caller, "route": route, "key": key}
    mine = Claim(uuid7(), uuid7())
    with unit_of_work() as session:
        claimed = session.scalar(
            insert(IdempotencyKey)
            .values(
                id=mine.row_id,
                claim=mine.claim,
                fingerprint=fingerprint,
                expires_at=func.clock_timestamp() + LIFETIME,
                **scope,
            )
            .on_conflict_do_update(
                constraint="idempotency_keys_caller_route_key_key",
                set_={
                    "id": mine.row_id,
                    "claim": mine.claim,
                    "fingerprint": fingerprint,
                    "claimed_at": func.clock_timestamp(),
                    "expires_at": func.clock_timestamp() + LIFETIME,
                    "status": None,
                    "answer": None,
                },
                where=or_(
                    IdempotencyKey.expires_at < func.clock_timestamp(),
                    (IdempotencyKey.status.is_(None))
                    & (IdempotencyKey.claimed_at < func.clock_timestamp() - CLAIM_TIMEOUT),
                ),
            )
            .returning(IdempotencyKey.id)
        )
        if claimed is None:
            earlier = session.scalar(select(IdempotencyKey).filter_by(**scope))
            reject_claim(earlier, fingerprint)
    return mine


def store(session: Session, mine: Claim, response: StoredResponse) -> None:
    """Store the response in the transaction of the request.

    Raises IdempotencyConflict if another request took the key over.
    """
    stored = session.scalar(
        update(IdempotencyKey)
        .where(IdempotencyKey.id == mine.row_id, IdempotencyKey.claim == mine.claim)
        .values(status=response.status, answer=response.encrypt())
        .returning(IdempotencyKey.id)
    )
    if stored is None:
        raise claim_lost()


def store_failure(mine: Claim, response: StoredResponse) -> None:
    """Store an error response, after the transaction of the request was rolled back."""
    with unit_of_work() as session:
        store(session, mine, response)


def release(mine: Claim) -> None:
    """Delete the claim, so that a repeat is executed: the failure may be temporary."""
    with unit_of_work() as session:
        session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.id == mine.row_id, IdempotencyKey.claim == mine.claim
            )
        )
