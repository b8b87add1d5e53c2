"""The demo user, and the messages of the command `seed`, which is refused in production."""

EMAIL = "demo@example.com"
PASSWORD = "correct horse battery"  # noqa: S105 - printed by `seed`, which refuses production

REFUSED = "ENVIRONMENT is production: the demo user has a known password."
SIGN_IN = f"Sign in: {EMAIL} with the password {PASSWORD!r}"
