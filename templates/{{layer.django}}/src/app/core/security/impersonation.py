"""Impersonation: support staff signed in as a user; what is done is recorded with both names."""

from app.core import context
from app.core.errors import Forbidden


def refuse_while_impersonating() -> None:
    """Raise Forbidden while staff impersonates the user.

    For everything that changes or proves who the user is, and for credentials that would outlast
    the impersonation.
    """
    if context.current().impersonated_by is not None:
        raise Forbidden("Only the user may do this, not staff that impersonates the user.")
