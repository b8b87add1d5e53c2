"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header), apart from framework and ORM.

A repeated POST is executed once. `app.core.web.idempotency` stores the keys.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, Protocol, Self
from uuid import UUID

from app.core import crypto
from app.core.errors import IdempotencyConflict, IdempotencyMismatch

LIFETIME = timedelta(hours=24)
# The claim of a killed process expires after this; no request may run longer.
CLAIM_TIMEOUT = timedelta(minutes=2)
# Headers that are stored with the response; the others belong to each request.
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
REPLAYED_HEADER = "Idempotency-Replayed"
_PURPOSE = "idempotent answer"


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response that is stored with a key."""

    status: int
    headers: dict[str, str]
    body: bytes

    def encrypt(self) -> bytes:
        """Encrypt headers and body, which can contain a secret that is shown once (an API key)."""
        content = {"body": self.body.decode(), "headers": self.headers}
        return crypto.encrypt(_PURPOSE, json.dumps(content).encode())

    @classmethod
    def decrypt(cls, status: int, encrypted: bytes) -> Self:
        content = json.loads(crypto.decrypt(_PURPOSE, encrypted))
        return cls(status, content["headers"], content["body"].encode())


class Replay(Exception):
    """The request was executed before, with this response."""

    def __init__(self, response: StoredResponse) -> None:
        super().__init__("replayed")
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """This request's claim of a key: `claim` differs if another request takes the key over."""

    row_id: UUID
    claim: UUID


class Key(Protocol):
    """The row of a key, of either ORM."""

    @property
    def fingerprint(self) -> bytes | memoryview: ...
    @property
    def status(self) -> int | None: ...
    @property
    def answer(self) -> bytes | memoryview | None: ...


def reject_claim(earlier: Key | None, fingerprint: bytes) -> NoReturn:
    """Raise what an earlier claim of the key means: Replay, IdempotencyConflict or -Mismatch.

    `earlier` is None if the first request has released the key since its row refused the claim.
    """
    if earlier is not None and bytes(earlier.fingerprint) != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used with another request.")
    if earlier is None or earlier.status is None or earlier.answer is None:
        raise IdempotencyConflict("The first request with this idempotency key is in progress.")
    raise Replay(StoredResponse.decrypt(earlier.status, bytes(earlier.answer)))


def claim_lost() -> IdempotencyConflict:
    return IdempotencyConflict("Another request took this idempotency key over.")
