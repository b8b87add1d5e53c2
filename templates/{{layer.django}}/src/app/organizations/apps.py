"""The app of organizations, members and invitations."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Name the app; its jobs become known when Django has started."""

    name = "app.organizations"
    label = "organizations"
    verbose_name = "Organizations"

    def ready(self) -> None:
        """Declare the jobs."""
        from app.organizations import jobs  # noqa: F401, PLC0415 - models must be loaded first
