"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a repeated POST is done once.

The claim is committed on its own before the work starts, so that a repeat in the meantime sees
it. The answer is stored in the transaction of the work itself: either both are there or neither.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import Header, Request, Response
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import database, security
from app.core.errors import IdempotencyConflict, IdempotencyMismatch
from app.core.ids import uuid7
from app.core.models import IdempotencyKey

LIFETIME = timedelta(hours=24)
# A claim whose process died is free again after this; no request may run as long.
CLAIM_TIMEOUT = timedelta(minutes=2)
_PURPOSE = "idempotent answer"
_KEPT_HEADERS = ("content-type", "location", "etag")

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes the request safe to repeat for 24 hours.",
    ),
]


class Replay(Exception):
    """The request was answered before; `response` is that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__("replayed")
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """This request's right to do the work of one key."""

    row_id: UUID
    claim: UUID


async def claim(request: Request, key: str, *, caller: str) -> None:
    """Claim `key` for this caller and route, or raise Replay, IdempotencyConflict or -Mismatch."""
    fingerprint = sha256(await request.body()).digest()
    scope = {"caller": caller, "route": f"{request.method} {request.url.path}", "key": key}
    mine = Claim(uuid7(), uuid7())
    async with database.unit_of_work() as session:
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
    request.state.idempotency_claim = mine


def _raise_for(earlier: IdempotencyKey | None, fingerprint: bytes) -> None:
    if earlier is not None and earlier.fingerprint != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used with another request.")
    if earlier is None or earlier.status is None or earlier.answer is None:
        raise IdempotencyConflict("The first request with this idempotency key is in progress.")
    answer = json.loads(security.decrypt(_PURPOSE, earlier.answer))
    raise Replay(
        Response(
            content=answer["body"],
            status_code=earlier.status,
            headers=answer["headers"] | {"Idempotency-Replayed": "true"},
        )
    )


async def store(session: AsyncSession, request: Request, response: Response) -> None:
    """Keep the answer in the transaction of the work; IdempotencyConflict if the claim was lost.

    It is encrypted, since it may hold a secret that is shown once, such as an API key.
    """
    mine: Claim | None = getattr(request.state, "idempotency_claim", None)
    if mine is None:
        return
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    answer = json.dumps({"body": bytes(response.body).decode(), "headers": headers}).encode()
    stored = await session.scalar(
        update(IdempotencyKey)
        .where(IdempotencyKey.id == mine.row_id, IdempotencyKey.claim == mine.claim)
        .values(status=response.status_code, answer=security.encrypt(_PURPOSE, answer))
        .returning(IdempotencyKey.id)
    )
    if stored is None:
        raise IdempotencyConflict("Another request took this idempotency key over.")


async def store_failure(request: Request, response: Response) -> None:
    """Keep a refusal as the answer of the key, after the work was rolled back."""
    if getattr(request.state, "idempotency_claim", None) is not None:
        async with database.unit_of_work() as session:
            await store(session, request, response)


async def release(request: Request) -> None:
    """Give the key back: the request failed in a way that a repeat may cure."""
    mine: Claim | None = getattr(request.state, "idempotency_claim", None)
    if mine is not None:
        async with database.unit_of_work() as session:
            await session.execute(
                delete(IdempotencyKey).where(
                    IdempotencyKey.id == mine.row_id, IdempotencyKey.claim == mine.claim
                )
            )
