"""What the scheduler does every `SWEEP_SECONDS`: enqueue what is scheduled, sweep the outbox."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F, Min, Q, Value
from django.db.models.functions import Least, Power

from app.core import database, jobs, registry, telemetry
from app.core.models import ClockTimestamp, IdempotencyKey, OutboxEntry
from app.core.registry import job
from app.settings import settings

BATCH = 500
KEEP_DONE = timedelta(days=7)

_now = ClockTimestamp


def tick() -> None:
    """Do all of it once; several schedulers may do so at the same time."""
    _enqueue_scheduled()
    sweep()


def _enqueue_scheduled() -> None:
    now = datetime.now(UTC)
    entries = [
        OutboxEntry(
            job=declared.name,
            schedule_key=f"{declared.name}:{registry.tick_of(declared.every, now):%FT%T}",
        )
        for declared in registry.every_job()
        if declared.every
    ]
    with database.unit_of_work():
        OutboxEntry.objects.bulk_create(entries, ignore_conflicts=True)


def sweep() -> int:
    """Send hints of what is due, is not running, and has no fresh hint; count them."""
    count = 0
    while True:
        job_ids = _mark_dispatched()
        count += len(job_ids)
        if not jobs.hand_over(job_ids):
            with database.unit_of_work():
                OutboxEntry.objects.filter(id__in=job_ids).update(
                    dispatched_at=None, dispatches=F("dispatches") - 1
                )
            break
        if len(job_ids) < BATCH:
            break
    with database.unit_of_work():
        oldest = OutboxEntry.objects.due().aggregate(oldest=Min("available_at"))["oldest"]
    age = datetime.now(UTC) - oldest if oldest else timedelta()
    telemetry.outbox_oldest_age.set(max(0, age.total_seconds()))
    return count


def _mark_dispatched() -> Sequence[UUID]:
    # A long queue must not be flooded with hints: each is given twice the time of the last.
    patience = ExpressionWrapper(
        Value(timedelta(seconds=settings.sweep_seconds)) * Power(2.0, Least(F("dispatches"), 6)),
        output_field=DurationField(),
    )
    with database.unit_of_work():
        job_ids = list(
            OutboxEntry.objects.due()
            .filter(
                Q(dispatched_at=None)
                | Q(dispatched_at__lt=_now() - patience)
                # Begun, and the row is not locked: its worker is gone.
                | Q(
                    started_at__gt=F("dispatched_at"),
                    started_at__lt=_now() - jobs.CLAIM_GRACE,
                )
            )
            .order_by("available_at")
            .select_for_update(skip_locked=True)
            .values_list("id", flat=True)[:BATCH]
        )
        OutboxEntry.objects.filter(id__in=job_ids).update(
            dispatched_at=_now(), dispatches=F("dispatches") + 1
        )
    return job_ids


@job("core.purge", every=timedelta(hours=1))
def purge() -> None:
    """Forget jobs that were done long ago, and answers kept for idempotency keys."""
    OutboxEntry.objects.filter(done_at__lt=_now() - KEEP_DONE).delete()
    IdempotencyKey.objects.filter(expires_at__lt=_now()).delete()
