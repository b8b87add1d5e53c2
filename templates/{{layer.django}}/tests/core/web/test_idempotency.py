from functools import partial

import pytest

from app.core.db.unit_of_work import UnitOfWork, unit_of_work
from app.core.errors import IdempotencyConflict
from app.core.models import IdempotencyKey
from app.core.web import idempotency
from tests.concurrency import run_concurrently

pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("database")]


def test_key_that_is_released_during_a_claim_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = partial(idempotency.claim, "key", caller="user", route="POST /", body=b"{}")
    with unit_of_work():
        first = claim()
    commit_and_begin = UnitOfWork.commit_and_begin

    def commit_while_the_first_request_fails(work: UnitOfWork) -> None:
        run_concurrently([partial(idempotency.release, first)])
        commit_and_begin(work)

    monkeypatch.setattr(UnitOfWork, "commit_and_begin", commit_while_the_first_request_fails)
    with unit_of_work(), pytest.raises(IdempotencyConflict, match="in progress"):
        claim()
    assert not IdempotencyKey.objects.exists()
