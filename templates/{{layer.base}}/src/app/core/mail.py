"""Sends mail by SMTP, or writes it to files when `SMTP_URL` is not set.

Only jobs send mail (rule 7). A worker that is killed between sending and committing sends it
again: `key`, the id of the job, gives both copies the same `Message-ID`.
"""

import logging
import os
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.settings import settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Message:
    """A plain-text mail to one recipient."""

    to: str
    subject: str
    text: str


def deliver(message: Message, *, key: str) -> None:
    """Send the message, or write it to `MAIL_DIR`. Blocks: async code calls it in a thread."""
    mail = _compose(message, key)
    if settings.smtp_url is None:
        _write(mail, key)
    else:
        _send(mail, urlsplit(settings.smtp_url))
    # Without the text, which holds tokens, and the address, which is personal data.
    logger.info("mail delivered", extra={"subject": message.subject, "key": key})


def _compose(message: Message, key: str) -> EmailMessage:
    name, address = parseaddr(settings.mail_from)
    # EmailMessage refuses line breaks in headers: no value can inject another header.
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = Address(addr_spec=message.to)
    mail["Subject"] = message.subject
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = f"<{key}@{address.rpartition('@')[2]}>"
    mail["X-Idempotency-Key"] = key
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


def _write(mail: EmailMessage, key: str) -> None:
    settings.mail_dir.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{key}.eml"
    # Renamed when complete: a reader of the directory never sees a partial file.
    unfinished = settings.mail_dir / f".{name}.{os.getpid()}"
    unfinished.write_bytes(mail.as_bytes())
    unfinished.rename(settings.mail_dir / name)


def _send(mail: EmailMessage, server: SplitResult) -> None:
    context = ssl.create_default_context()
    host = server.hostname or "localhost"
    if server.scheme == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            host, server.port or 465, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        client = smtplib.SMTP(host, server.port or 587, timeout=TIMEOUT_SECONDS)
    with client:
        # STARTTLS is required unless the setting opts out (a local mail catcher): to continue when
        # the server does not offer it would allow a downgrade attack.
        if server.scheme == "smtp" and parse_qs(server.query).get("starttls") != ["no"]:
            client.starttls(context=context)
        if server.username:
            client.login(unquote(server.username), unquote(server.password or ""))
        client.send_message(mail)
