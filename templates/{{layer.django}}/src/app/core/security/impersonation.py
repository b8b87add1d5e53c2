"""Support staff acting as a user: what is done bears both names, and some things are not done."""

from app.core import context
from app.core.errors import Forbidden


def refuse_while_impersonating() -> None:
    """Raise Forbidden where staff acts as the user: for what is the user's alone to do.

    That is what proves who somebody is, and whatever would let staff in again later.
    """
    current = context.current()
    # In the admin, staff acts as nobody else, and has an account like everybody.
    themselves = current.actor is not None and current.actor.label == current.impersonated_by
    if current.impersonated_by is not None and not themselves:
        raise Forbidden("Only the user may do this, not staff that acts as the user.")
