"""Base classes and managers of models; the tables of the outbox and of idempotency keys."""

from typing import Any, Self

from django.db import models
from django.db.models import Func, Q

from app.core.db import tenancy
from app.core.ids import uuid7


class ClockTimestamp(Func):
    """The current time of the database; `Now()` is the start of the statement."""

    function = "CLOCK_TIMESTAMP"
    output_field = models.DateTimeField()


class Manager[M: models.Model](models.Manager[M]):
    """Blocks lazy loading (rule 8): reading a relation or column that was not loaded raises."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().fetch_mode(models.FETCH_RAISE)


class TenantManager[M: models.Model](Manager[M]):
    """The rows of the transaction's organization (rule 6); RuntimeError when it has none.

    Services and queries use it, under the name `tenant`. `objects` stands before it in a model, so
    that it is the default manager: the admin, forms and `dumpdata` use that one, and only row-level
    security limits what it finds. In a transaction of the admin, `tenant` finds all rows too.
    """

    def __init__(self, field: str = "organization_id") -> None:
        super().__init__()
        self._field = field

    def get_queryset(self) -> models.QuerySet[M]:
        rows = super().get_queryset()
        if tenancy.is_staff():
            return rows
        return rows.filter(**{self._field: tenancy.organization_id()})


class Identified(models.Model):
    """A UUIDv7 primary key (rule 9)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class Timestamped(models.Model):
    """Times of creation and last change, by the clock of the database."""

    created_at = models.DateTimeField(db_default=ClockTimestamp(), editable=False)
    updated_at = models.DateTimeField(db_default=ClockTimestamp(), editable=False)

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            self.updated_at = ClockTimestamp()
            if (fields := options.get("update_fields")) is not None:
                options["update_fields"] = {*fields, "updated_at"}
        super().save(**options)


class OutboxQuerySet(models.QuerySet["OutboxEntry"]):
    def open(self) -> Self:
        """Jobs that are neither done nor dead letters."""
        return self.filter(done_at=None, dead_lettered_at=None)

    def dead_letters(self) -> Self:
        """Jobs whose last attempt has failed."""
        return self.filter(dead_lettered_at__isnull=False)

    def due(self) -> Self:
        """Open jobs whose `available_at` has passed."""
        return self.open().filter(available_at__lte=ClockTimestamp())


class OutboxEntry(Identified):
    """A job, written in the transaction that caused it.

    Its organization, if any, is in `context`. Workers read the jobs of all tenants, so the table
    has no row-level security.
    """

    job = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    # Name and period of a scheduled job: two schedulers cannot enqueue one period twice.
    schedule_key = models.CharField(max_length=200, unique=True, null=True)  # noqa: DJ001 - empty strings would not be unique
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    available_at = models.DateTimeField(db_default=ClockTimestamp())
    dispatched_at = models.DateTimeField(null=True)
    dispatches = models.IntegerField(db_default=0)
    started_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(db_default=0)
    done_at = models.DateTimeField(null=True)
    dead_lettered_at = models.DateTimeField(null=True)
    last_error = models.TextField(null=True)  # noqa: DJ001 - null means no error, an error can be empty

    objects = Manager.from_queryset(OutboxQuerySet)()

    class Meta:
        db_table = "outbox"
        verbose_name = "job"
        indexes = (
            models.Index(
                "available_at",
                name="outbox_due_idx",
                condition=Q(done_at=None, dead_lettered_at=None),
            ),
            models.Index("done_at", name="outbox_done_idx", condition=Q(done_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.job} {self.id}"

    @property
    def state(self) -> str:
        if self.dead_lettered_at:
            return "dead letter"
        for state in ("done", "started"):
            if getattr(self, f"{state}_at"):
                return state
        return "waiting"


class IdempotencyKey(Identified):
    """A claimed `Idempotency-Key` and, when the request is done, its encrypted response."""

    caller = models.CharField(max_length=100)
    route = models.CharField(max_length=300)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    # Changes with every claim, so that a request that lost its claim cannot store its answer.
    claim = models.UUIDField()
    claimed_at = models.DateTimeField(db_default=ClockTimestamp())
    expires_at = models.DateTimeField()
    status = models.IntegerField(null=True)
    answer = models.BinaryField(null=True)

    objects = Manager["IdempotencyKey"]()

    class Meta:
        db_table = "idempotency_keys"
        constraints = (
            models.UniqueConstraint(
                fields=("caller", "route", "key"), name="idempotency_keys_caller_route_key_key"
            ),
        )
        indexes = (models.Index("expires_at", name="idempotency_keys_expires_idx"),)

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
