"""`uv run just new-module`."""


class UsageError(Exception):
    """Nothing was written; the text says why."""
