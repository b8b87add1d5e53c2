"""Mail: sent by SMTP, or written to files where there is no SMTP server.

Only jobs send mail (rule 7). It can happen twice, when a worker dies between sending and
committing: `key`, the id of the job, makes both copies the same message.
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
    """A plain-text mail to one person."""

    to: str
    subject: str
    text: str


def deliver(message: Message, *, key: str) -> None:
    """Send the message, or write it to `MAIL_DIR`. It blocks: call it in a thread."""
    mail = _compose(message, key)
    if settings.smtp_url is None:
        _write(mail, key)
    else:
        _send(mail, urlsplit(settings.smtp_url))
    # Neither the text nor the address: the one holds tokens, the other is personal.
    logger.info("mail delivered", extra={"subject": message.subject, "key": key})


def _compose(message: Message, key: str) -> EmailMessage:
    name, address = parseaddr(settings.mail_from)
    # The header classes refuse line breaks, so that no value can add a header.
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
    # Renamed into place: who watches the folder never reads half a mail.
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
        # Without TLS only on demand (a mail catcher beside us), never because the server, or
        # somebody between, does not offer it.
        if server.scheme == "smtp" and parse_qs(server.query).get("starttls") != ["no"]:
            client.starttls(context=context)
        if server.username:
            client.login(unquote(server.username), unquote(server.password or ""))
        client.send_message(mail)
