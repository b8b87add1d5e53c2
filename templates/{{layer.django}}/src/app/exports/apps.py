from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Name the app; its jobs become known when Django has started."""

    name = "app.exports"
    label = "exports"
    verbose_name = "Exports"

    def ready(self) -> None:
        from app.exports import jobs  # noqa: F401, PLC0415 - models must be loaded first
