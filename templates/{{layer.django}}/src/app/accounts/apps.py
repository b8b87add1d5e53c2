"""The app of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Name the app; when Django has started, its jobs and signals become known."""

    name = "app.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Declare the jobs, and tie Django's sessions to ours."""
        from app.accounts import jobs, sessions  # noqa: F401, PLC0415 - models must be loaded first
