"""All models, for what must know every table: migrations and their check."""

from importlib import import_module

MODULES = ("accounts", "organizations", "projects", "api_keys", "audit", "exports")


def register_models() -> None:
    """Import every module's models, so that the metadata is complete."""
    for module in MODULES:
        import_module(f"app.{module}.models")
