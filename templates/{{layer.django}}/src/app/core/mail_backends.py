"""Mail backend for MAILERS: one file for each mail, in MAIL_DIR."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from app.core import mail_files


class FileBackend(BaseEmailBackend):
    """Django's own appends several mails to one file, which a mail program cannot open."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            mail_files.write(message.message())
        return len(email_messages)
