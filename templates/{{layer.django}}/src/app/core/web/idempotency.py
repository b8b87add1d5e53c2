"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a repeated POST runs once.

The claim is committed before the work starts, so that a concurrent repeat sees it. The response is
stored in the transaction of the work.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.db.models import Q

from app.core import crypto
from app.core.db.unit_of_work import current, unit_of_work
from app.core.errors import IdempotencyConflict, IdempotencyMismatch
from app.core.ids import uuid7
from app.core.models import ClockTimestamp, IdempotencyKey

LIFETIME = timedelta(hours=24)
# After this the claim of a killed process is free again; no request runs as long.
CLAIM_TIMEOUT = timedelta(minutes=2)
# The headers of a response that are stored with it.
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
REPLAYED_HEADER = "Idempotency-Replayed"
_PURPOSE = "idempotent answer"

_now = ClockTimestamp


@dataclass(frozen=True, slots=True)
class StoredResponse:
    status: int
    headers: dict[str, str]
    body: bytes


class Replay(Exception):
    """The key has a stored response, `answer`."""

    def __init__(self, answer: StoredResponse) -> None:
        super().__init__("replayed")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Claim:
    """The row of a key, and the claim that this request has on it."""

    row_id: UUID
    claim: UUID


def claim(key: str, *, caller: str, route: str, body: bytes) -> Claim:
    """Claim `key` for this caller and route, or raise Replay, IdempotencyConflict or -Mismatch.

    It commits what the request has done so far, and begins another transaction.
    """
    fingerprint = sha256(body).digest()
    mine = Claim(uuid7(), uuid7())
    scope = {"caller": caller, "route": route, "key": key}
    row = IdempotencyKey(
        id=mine.row_id,
        claim=mine.claim,
        fingerprint=fingerprint,
        expires_at=_now() + LIFETIME,
        **scope,
    )
    free = Q(expires_at__lt=_now()) | Q(status=None, claimed_at__lt=_now() - CLAIM_TIMEOUT)
    same = IdempotencyKey.objects.filter(**scope)
    # Of two concurrent claims of a free key, one insert conflicts and finds the row of the other.
    same.filter(free).delete()
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    current().commit_and_begin()
    earlier = same.get()
    if earlier.claim != mine.claim:
        _raise_for(earlier, fingerprint)
    return mine


def _raise_for(earlier: IdempotencyKey, fingerprint: bytes) -> None:
    if bytes(earlier.fingerprint) != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used with another request.")
    if earlier.status is None or earlier.answer is None:
        raise IdempotencyConflict("The first request with this idempotency key is in progress.")
    kept = json.loads(crypto.decrypt(_PURPOSE, bytes(earlier.answer)))
    raise Replay(StoredResponse(earlier.status, kept["headers"], kept["body"].encode()))


def store(mine: Claim, answer: StoredResponse) -> None:
    """Store the response in the transaction of the work; IdempotencyConflict if the claim is lost.

    It is encrypted, because it may contain a secret that is shown once, such as an API key.
    """
    kept = json.dumps({"body": answer.body.decode(), "headers": answer.headers}).encode()
    stored = IdempotencyKey.objects.filter(id=mine.row_id, claim=mine.claim).update(
        status=answer.status, answer=crypto.encrypt(_PURPOSE, kept)
    )
    if not stored:
        raise IdempotencyConflict("Another request took this idempotency key over.")


def store_failure(mine: Claim, answer: StoredResponse) -> None:
    """Store an error response, after the work was rolled back."""
    with unit_of_work():
        store(mine, answer)


def release(mine: Claim) -> None:
    """Free the key: the request failed with an error that a repeat may not have."""
    with unit_of_work():
        IdempotencyKey.objects.filter(id=mine.row_id, claim=mine.claim).delete()
