"""Imports every module's jobs, which declares them."""

from importlib import import_module

MODULES = ("accounts", "organizations", "exports")


def register_jobs() -> None:
    """Declare all jobs, so that they can be enqueued and run."""
    for name in ("app.core.jobs.schedule", *(f"app.{module}.jobs" for module in MODULES)):
        import_module(name)
