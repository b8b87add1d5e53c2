"""The app of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Name the app, and tie Django's sessions to ours from the start."""

    name = "app.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Begin."""
        from app.accounts import sessions  # noqa: F401, PLC0415 - models come first
