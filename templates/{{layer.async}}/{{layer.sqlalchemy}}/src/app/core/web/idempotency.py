"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a repeated POST is executed once.

The claim is committed in its own transaction before the request is executed, so that concurrent
repeats see it. The response is stored in the transaction of the request: both are committed, or
neither.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import crypto
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import IdempotencyConflict, IdempotencyMismatch
from app.core.ids import uuid7
from app.core.models import IdempotencyKey

LIFETIME = timedelta(hours=24)
# The claim of a killed process expires after this; no request may run longer.
CLAIM_TIMEOUT = timedelta(minutes=2)
# Headers that are stored with the response; the others belong to each request.
KEPT_HEADERS = ("content-type", "location", "etag")
REPLAYED_HEADER = "Idempotency-Replayed"
_PURPOSE = "idempotent answer"


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response that is stored with a key."""

    status: int
    headers: dict[str, str]
    body: bytes


class Replay(Exception):
    """The request was executed before, with the response `answer`."""

    def __init__(self, answer: StoredResponse) -> None:
        super().__init__("replayed")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Claim:
    """This request's claim of a key: `claim` differs if another request takes the key over."""

    row_id: UUID
    claim: UUID


async def claim(key: str, *, caller: str, route: str, body: bytes) -> Claim:
    """Claim `key` for this caller and route, or raise Replay, IdempotencyConflict or -Mismatch."""
    fingerprint = sha256(body).digest()
    scope = {"caller": caller, "route": route, "key": key}
    mine = Claim(uuid7(), uuid7())
    async with unit_of_work() as session:
        claimed = await session.scalar(
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
            earlier = await session.scalar(select(IdempotencyKey).filter_by(**scope))
            _raise_for(earlier, fingerprint)
    return mine


def _raise_for(earlier: IdempotencyKey | None, fingerprint: bytes) -> None:
    if earlier is not None and earlier.fingerprint != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used with another request.")
    if earlier is None or earlier.status is None or earlier.answer is None:
        raise IdempotencyConflict("The first request with this idempotency key is in progress.")
    kept = json.loads(crypto.decrypt(_PURPOSE, earlier.answer))
    raise Replay(StoredResponse(earlier.status, kept["headers"], kept["body"].encode()))


async def store(session: AsyncSession, mine: Claim, answer: StoredResponse) -> None:
    """Store the response in the transaction of the request.

    Raises IdempotencyConflict if another request took the key over. Encrypted: a response may
    contain a secret that is shown once, such as an API key.
    """
    kept = json.dumps({"body": answer.body.decode(), "headers": answer.headers}).encode()
    stored = await session.scalar(
        update(IdempotencyKey)
        .where(IdempotencyKey.id == mine.row_id, IdempotencyKey.claim == mine.claim)
        .values(status=answer.status, answer=crypto.encrypt(_PURPOSE, kept))
        .returning(IdempotencyKey.id)
    )
    if stored is None:
        raise IdempotencyConflict("Another request took this idempotency key over.")


async def store_failure(mine: Claim, answer: StoredResponse) -> None:
    """Store an error response, after the transaction of the request was rolled back."""
    async with unit_of_work() as session:
        await store(session, mine, answer)


async def release(mine: Claim) -> None:
    """Delete the claim, so that a repeat is executed: the failure may be temporary."""
    async with unit_of_work() as session:
        await session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.id == mine.row_id, IdempotencyKey.claim == mine.claim
            )
        )
