from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "app.accounts"
    label = "accounts"
    verbose_name = "Users and sign-in"

    def ready(self) -> None:
        # Registers the signal receivers.
        from app.accounts import sessions  # noqa: F401, PLC0415 - models must be loaded first
