from datetime import timedelta

from django.db.models.functions import Now
from factory import LazyFunction

from app.core.ids import uuid7
from app.exports.models import Export
from tests.factories import TenantOwnedFactory


class ExportFactory(TenantOwnedFactory[Export]):
    """An export that no job will write."""

    class Meta:
        model = Export

    format = "csv"
    job_id = LazyFunction(uuid7)
    expires_at = Now() + timedelta(days=7)
