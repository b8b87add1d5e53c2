"""Every module's jobs, for what must know them all: web, worker and scheduler."""

from importlib import import_module

MODULES = ("core", "accounts", "organizations", "exports")


def register_jobs() -> None:
    """Import every module's jobs, so that they can be enqueued and run."""
    for module in MODULES:
        import_module(f"app.{module}.jobs")
