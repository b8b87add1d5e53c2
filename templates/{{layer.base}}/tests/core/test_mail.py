import logging
import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from app.core.mail import deliver
from app.core.mail_message import Message
from app.settings import settings

MESSAGE = Message(
    to="ann@example.com",
    subject="Grüße",
    text="Follow https://app.example.com/verify-email?token=abc123\n",
)


@pytest.fixture(autouse=True)
def mail_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(settings.__dict__, "mail_dir", tmp_path / "mail")
    monkeypatch.setitem(settings.__dict__, "mail_from", "Acme Inc. <no-reply@example.com>")
    return tmp_path / "mail"


def test_mail_is_written_to_a_file_without_a_server(mail_dir: Path) -> None:
    deliver(MESSAGE, key="0123")
    [path] = mail_dir.iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-0123\.eml", path.name)
    found = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert found["To"] == "ann@example.com"
    assert found["From"] == '"Acme Inc." <no-reply@example.com>'
    assert found["Subject"] == "Grüße"
    assert found["Message-ID"] == "<0123@example.com>"
    assert found["X-Idempotency-Key"] == "0123"
    assert found.get_content().splitlines() == MESSAGE.text.splitlines()


def test_log_contains_neither_token_nor_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        deliver(MESSAGE, key="0123")
    [record] = caplog.records
    assert record.message == "mail delivered"
    assert not re.search(r"abc123|ann@", str(record.__dict__))


@pytest.mark.parametrize(
    "message",
    [
        Message("ann@example.com\nBcc: eve@example.com", "Hello", "text"),
        Message("ann@example.com\r\nBcc: eve@example.com", "Hello", "text"),
        Message("ann@example.com", "Hello\nBcc: eve@example.com", "text"),
        Message("ann@example.com", "Hello\r\n\r\ntext", "text"),
        Message("ann@example.com, eve@example.com", "Hello", "text"),
        Message("not an address", "Hello", "text"),
    ],
)
def test_header_injection_is_rejected(message: Message, mail_dir: Path) -> None:
    with pytest.raises(Exception, match=r"(?i)invalid|linefeed|header|address|domain|expected"):
        deliver(message, key="0123")
    assert not mail_dir.exists()
