import logging
import re
from email import message_from_bytes, policy
from email.headerregistry import Address
from pathlib import Path

import pytest

from app.core.mail import deliver
from app.core.mail_message import Link, Message
from app.core.ops.log import DEVELOPMENT_LINK
from app.settings import Settings, settings

MESSAGE = Message(
    to="ann@example.com",
    subject="Grüße",
    body=(
        "Grüße,",
        Link("Follow", f"https://app.example.com/verify-email?token=abc123{'x' * 200}"),
    ),
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
    text, html = found.iter_parts()
    assert (text.get_content(), html.get_content()) == (MESSAGE.text, MESSAGE.html)


@pytest.mark.parametrize("name", ['Zoë\'s <Tools> & "Co", e.g. \\', "😀" * 60, "a@b.example"])
def test_sender_without_a_name_has_the_name_of_the_product(
    name: str, mail_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "mail_from", "no-reply@example.com")
    monkeypatch.setattr("app.core.mail.NAME", name)
    deliver(MESSAGE, key="0123")
    [path] = mail_dir.iterdir()
    found = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert found["From"] == str(Address(name, addr_spec="no-reply@example.com"))


def test_log_contains_neither_token_nor_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        deliver(MESSAGE, key="0123")
    [record] = caplog.records
    assert record.message == "mail delivered"
    assert not re.search(r"abc123|ann@", str(record.__dict__))


def test_local_development_logs_the_link(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "is_local", True)
    with caplog.at_level(logging.DEBUG):
        deliver(MESSAGE, key="0123")
    [record] = caplog.records
    assert [record.__dict__[DEVELOPMENT_LINK]] == MESSAGE.links


@pytest.mark.parametrize(
    "message",
    [
        Message("ann@example.com\nBcc: eve@example.com", "Hello", ("text",)),
        Message("ann@example.com\r\nBcc: eve@example.com", "Hello", ("text",)),
        Message("ann@example.com", "Hello\nBcc: eve@example.com", ("text",)),
        Message("ann@example.com", "Hello\r\n\r\ntext", ("text",)),
        Message("ann@example.com, eve@example.com", "Hello", ("text",)),
        Message("not an address", "Hello", ("text",)),
    ],
)
def test_header_injection_is_rejected(message: Message, mail_dir: Path) -> None:
    with pytest.raises(Exception, match=r"(?i)invalid|linefeed|header|address|domain|expected"):
        deliver(message, key="0123")
    assert not mail_dir.exists()
