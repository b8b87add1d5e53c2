"""Stores idempotency keys.

The claim is committed before the request is executed, so that concurrent repeats see it. The
response is stored in the transaction of the request: both are committed, or neither.
"""

from hashlib import sha256

from django.db.models import Q

from app.core.db.unit_of_work import current, unit_of_work
from app.core.ids import uuid7
from app.core.models import ClockTimestamp, IdempotencyKey
from app.core.web.idempotency_rules import (
    CLAIM_TIMEOUT,
    LIFETIME,
    Claim,
    StoredResponse,
    claim_lost,
    reject_claim,
)

_now = ClockTimestamp


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
    earlier = same.first()
    if earlier is None or earlier.claim != mine.claim:
        reject_claim(earlier, fingerprint)
    return mine


def store(mine: Claim, response: StoredResponse) -> None:
    """Store the response in the transaction of the request.

    Raises IdempotencyConflict if another request took the key over.
    """
    stored = IdempotencyKey.objects.filter(id=mine.row_id, claim=mine.claim).update(
        status=response.status, answer=response.encrypt()
    )
    if not stored:
        raise claim_lost()


def store_failure(mine: Claim, response: StoredResponse) -> None:
    """Store an error response, after the transaction of the request was rolled back."""
    with unit_of_work():
        store(mine, response)


def release(mine: Claim) -> None:
    """Delete the claim, so that a repeat is executed: the failure may be temporary."""
    with unit_of_work():
        IdempotencyKey.objects.filter(id=mine.row_id, claim=mine.claim).delete()
