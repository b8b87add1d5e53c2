"""Credentials of the demo user; `seed` is refused in production."""

EMAIL = "demo@example.com"
PASSWORD = "correct horse battery"  # noqa: S105 - printed by `seed`, which refuses production
