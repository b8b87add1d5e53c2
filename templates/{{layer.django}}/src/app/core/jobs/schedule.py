"""The periodic work of the scheduler: enqueue scheduled jobs, redeliver lost messages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F, Min, Q, Value
from django.db.models.functions import Least, Power

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import attempts, registry
from app.core.jobs.attempts import CLAIM_GRACE
from app.core.jobs.outbox import dispatch, now
from app.core.jobs.registry import job
from app.core.models import IdempotencyKey, OutboxEntry
from app.settings import settings

BATCH = 500


def run_schedule() -> None:
    """Run one round. Several schedulers can run it at the same time."""
    _enqueue_scheduled()
    redeliver()


def _enqueue_scheduled() -> None:
    entries = [
        OutboxEntry(job=name, schedule_key=key)
        for name, key in registry.schedule_keys(datetime.now(UTC)).items()
    ]
    with unit_of_work():
        OutboxEntry.objects.bulk_create(entries, ignore_conflicts=True)


def redeliver() -> int:
    """Dispatch due jobs that no worker runs and that have no recent message; count them."""
    count = 0
    while True:
        job_ids = _mark_dispatched()
        count += len(job_ids)
        if not dispatch(job_ids):
            with unit_of_work():
                OutboxEntry.objects.filter(id__in=job_ids).update(
                    dispatched_at=None, dispatches=F("dispatches") - 1
                )
            break
        if len(job_ids) < BATCH:
            break
    with unit_of_work():
        oldest = OutboxEntry.objects.due().aggregate(oldest=Min("available_at"))["oldest"]
    attempts.record_oldest_due(oldest)
    return count


def _mark_dispatched() -> Sequence[UUID]:
    # Exponential backoff: a long queue must not be flooded with messages for jobs that still wait.
    backoff = ExpressionWrapper(
        Value(timedelta(seconds=settings.scheduler_interval_seconds))
        * Power(2.0, Least(F("dispatches"), 6)),
        output_field=DurationField(),
    )
    with unit_of_work():
        job_ids = list(
            OutboxEntry.objects.due()
            .filter(
                Q(dispatched_at=None)
                | Q(dispatched_at__lt=now() - backoff)
                # Started, and the row is not locked: the worker was killed.
                | Q(
                    started_at__gt=F("dispatched_at"),
                    started_at__lt=now() - CLAIM_GRACE,
                )
            )
            .order_by("available_at")
            .select_for_update(skip_locked=True)
            .values_list("id", flat=True)[:BATCH]
        )
        OutboxEntry.objects.filter(id__in=job_ids).update(
            dispatched_at=now(), dispatches=F("dispatches") + 1
        )
    return job_ids


@job("core.purge", every=timedelta(hours=1))
def purge() -> None:
    """Delete jobs that were done 7 days ago, and expired idempotency keys."""
    OutboxEntry.objects.filter(done_at__lt=now() - registry.KEEP_DONE).delete()
    IdempotencyKey.objects.filter(expires_at__lt=now()).delete()
