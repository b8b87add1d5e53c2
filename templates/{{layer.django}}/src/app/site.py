"""The admin's site: who may open it, and where its changes are recorded."""

from uuid import UUID

from app.core.staff import StaffSite
from django.db.models import Model
from django.http import HttpRequest

from app.audit import service as audit
from app.core import context
from app.core.context import Actor


class Site(StaffSite):
    """The one site."""

    site_header = site_title = "Administration"
    index_title = "Everything"

    def enter(self, request: HttpRequest) -> None:
        """Open the transaction to the staff, and name who works in it."""
        super().enter(request)
        user = request.user
        context.current().actor = Actor("user", user.pk, user.get_username())

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change in the log of the organization it was made in, if it was in one."""
        organization_id: UUID | None = (
            instance.pk
            if instance._meta.label == "organizations.Organization"
            else getattr(instance, "organization_id", None)
        )
        if organization_id is not None and action != "organization.deleted":
            audit.record(
                organization_id=organization_id,
                action=action,
                target_type=action.partition(".")[0],
                target_id=instance.pk,
                changes=changes,
            )
