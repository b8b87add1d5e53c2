"""Imports all models, for migrations and their check."""

from importlib import import_module

MODULES = ("accounts", "organizations", "projects", "api_keys", "audit", "exports")


def register_models() -> None:
    """Import every module's models, which adds their tables to the metadata."""
    for module in MODULES:
        import_module(f"app.{module}.models")
