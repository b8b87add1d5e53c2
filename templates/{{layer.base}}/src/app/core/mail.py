"""Composes mail; `app.core.mail_transport` delivers it.

Only jobs send mail (rule 7). A worker that is killed between sending and committing sends it
again: `key`, the id of the job, gives both copies the same `Message-ID`.
"""

import logging
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

from app.about import NAME
from app.core import mail_transport
from app.core.mail_message import Message
from app.core.ops.log import DEVELOPMENT_LINK
from app.settings import settings

logger = logging.getLogger(__name__)


def deliver(message: Message, *, key: str) -> None:
    """Send the message, or write it to `MAIL_DIR`. Blocks: async code calls it in a thread."""
    mail_transport.send(_compose(message, key))
    # Without the text, which holds tokens, and the address, which is personal data.
    details = {"subject": message.subject, "key": key}
    if settings.is_local:
        details |= {"to": message.to, DEVELOPMENT_LINK: " ".join(message.links)}
    logger.info("mail delivered", extra=details)


def _compose(message: Message, key: str) -> EmailMessage:
    name, address = parseaddr(settings.mail_from)
    # EmailMessage refuses line breaks in headers: no value can inject another header.
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(name or NAME, addr_spec=address)
    mail["To"] = Address(addr_spec=message.to)
    mail["Subject"] = message.subject
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = f"<{key}@{address.rpartition('@')[2]}>"
    mail["X-Idempotency-Key"] = key
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail
