"""A mail to send; the `mails.py` of each module compose it, `app.core.mail` delivers it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A plain-text mail to one recipient."""

    to: str
    subject: str
    text: str
