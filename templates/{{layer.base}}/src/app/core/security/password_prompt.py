"""Reads a new password for a command. Never an argument: other users can list those."""

import sys
from getpass import getpass

from app.core.errors import Invalid


def read_new_password() -> str:
    """Ask for it twice, without echo; read the first line of stdin if that is no terminal."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    entered = {getpass(), getpass("Password again: ")}
    if len(entered) > 1:
        raise Invalid(
            pointer="/password", code="passwords_differ", detail="The two passwords differ."
        )
    return entered.pop()
