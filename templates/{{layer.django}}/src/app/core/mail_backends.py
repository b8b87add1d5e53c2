"""Mail backend for MAILERS: one file for each mail, in MAIL_DIR."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from email.policy import SMTP

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from app.core.ids import uuid7
from app.settings import settings


class FileBackend(BaseEmailBackend):
    """Django's own appends several mails to one file, which a mail program cannot open."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        settings.mail_dir.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            content = message.message(policy=SMTP).as_bytes()
            key = message.extra_headers.get("X-Idempotency-Key", uuid7())
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{key}.eml"
            # Renamed when complete: a reader of the directory never sees a partial file.
            unfinished = settings.mail_dir / f".{name}.{os.getpid()}"
            unfinished.write_bytes(content)
            unfinished.rename(settings.mail_dir / name)
        return len(email_messages)
