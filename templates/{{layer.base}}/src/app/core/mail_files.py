"""Mails as files in `MAIL_DIR`, one each, which an editor and a mail program can open."""

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from app.core.errors import NotFound
from app.core.ids import uuid7
from app.settings import settings

# Neither headers nor links are wrapped, and text is UTF-8 instead of quoted-printable.
_READABLE = default.clone(utf8=True, max_line_length=None)
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[\w-]+\.eml", re.ASCII)


def write(mail: EmailMessage) -> None:
    """Add a file; its name begins with the time, so that names sort by it."""
    for part in mail.walk():
        if isinstance(part, EmailMessage) and part.get_content_maintype() == "text":
            part.set_content(part.get_content(), subtype=part.get_content_subtype(), cte="8bit")
    settings.mail_dir.mkdir(parents=True, exist_ok=True)
    key = mail["X-Idempotency-Key"] or uuid7()
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{key}.eml"
    # Renamed when complete: a reader of the directory never sees a partial file.
    unfinished = settings.mail_dir / f".{name}.{os.getpid()}"
    unfinished.write_bytes(mail.as_bytes(policy=_READABLE))
    unfinished.rename(settings.mail_dir / name)


def newest(limit: int) -> list[tuple[str, EmailMessage]]:
    """Return names and mails, newest first."""
    names = [path.name for path in settings.mail_dir.glob("*.eml") if _NAME.fullmatch(path.name)]
    found = []
    for name in sorted(names, reverse=True)[:limit]:
        # A file can be deleted while the others are read.
        with suppress(NotFound):
            found.append((name, read(name)))
    return found


def read(name: str) -> EmailMessage:
    """Return the mail of a file name; raises NotFound, also for every other path."""
    if not _NAME.fullmatch(name):
        raise NotFound("mail")
    try:
        content = (settings.mail_dir / name).read_bytes()
    except FileNotFoundError:
        raise NotFound("mail") from None
    return message_from_bytes(content, policy=default)


def written_at(name: str) -> datetime:
    """Return the time in the name of a file."""
    return datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S.%f%z")
