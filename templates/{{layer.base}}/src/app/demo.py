"""Who signs in where there are demo data: known to everybody, and refused in production."""

EMAIL = "demo@example.com"
PASSWORD = "correct horse battery"  # noqa: S105 - public on purpose
