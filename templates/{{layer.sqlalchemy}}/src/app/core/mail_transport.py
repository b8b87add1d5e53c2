"""Delivers mail to the SMTP server of SMTP_URL, or to files in MAIL_DIR when it is not set."""

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.core import mail_files
from app.settings import settings

TIMEOUT_SECONDS = 20


def send(mail: EmailMessage) -> None:
    if settings.smtp_url is None:
        mail_files.write(mail)
    else:
        _send(mail, urlsplit(settings.smtp_url))


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
