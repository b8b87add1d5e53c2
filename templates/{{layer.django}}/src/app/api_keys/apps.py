"""The app of API keys."""

from django.apps import AppConfig


class ApiKeysConfig(AppConfig):
    """Name the app."""

    name = "app.api_keys"
    label = "api_keys"
    verbose_name = "API keys"
