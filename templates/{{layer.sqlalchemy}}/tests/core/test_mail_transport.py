import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from app.core.mail import deliver
from app.core.mail_message import Message
from app.settings import settings

MESSAGE = Message(to="ann@example.com", subject="Hello", body=("text",))


@pytest.fixture(autouse=True)
def mail_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(settings.__dict__, "mail_dir", tmp_path / "mail")
    return tmp_path / "mail"


class FakeSmtp:
    """Replaces smtplib.SMTP, and records the calls."""

    calls: list[Any]

    def __init__(self, host: str, port: int, **options: Any) -> None:
        self.calls.append(("connect", type(self).__name__, host, port, options["timeout"]))
        self._check(options.get("context"))

    def _check(self, context: ssl.SSLContext | None) -> None:
        if context:
            assert context.check_hostname
            assert context.verify_mode == ssl.CERT_REQUIRED

    def __enter__(self) -> "FakeSmtp":
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("quit")

    def starttls(self, context: ssl.SSLContext) -> None:
        self._check(context)
        self.calls.append("starttls")

    def login(self, user: str, password: str) -> None:
        self.calls.append(("login", user, password))

    def send_message(self, message: EmailMessage) -> None:
        self.calls.append(("send", message["To"]))


class FakeSmtpSsl(FakeSmtp):
    """Replaces smtplib.SMTP_SSL: TLS from the start."""


@pytest.mark.parametrize(
    ("url", "calls"),
    [
        (
            "smtp://user:p%40ss@mail.example.com",
            [
                ("connect", "FakeSmtp", "mail.example.com", 587, 20),
                "starttls",
                ("login", "user", "p@ss"),
            ],
        ),
        ("smtps://mail.example.com", [("connect", "FakeSmtpSsl", "mail.example.com", 465, 20)]),
        ("smtp://catcher:1025?starttls=no", [("connect", "FakeSmtp", "catcher", 1025, 20)]),
    ],
)
def test_smtp_uses_verified_tls(
    url: str, calls: list[Any], monkeypatch: pytest.MonkeyPatch, mail_dir: Path
) -> None:
    monkeypatch.setattr(FakeSmtp, "calls", [], raising=False)
    monkeypatch.setattr(smtplib, "SMTP", FakeSmtp)
    monkeypatch.setattr(smtplib, "SMTP_SSL", FakeSmtpSsl)
    monkeypatch.setitem(settings.__dict__, "smtp_url", url)
    deliver(MESSAGE, key="0123")
    assert FakeSmtp.calls == [*calls, ("send", "ann@example.com"), "quit"]
    assert not mail_dir.exists()


class SmtpServerWithoutTls(StreamRequestHandler):
    """A mail server that does not offer STARTTLS."""

    received: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 plain\r\n")
        for line in self.rfile:
            self.received.append(line.split()[0])
            self.wfile.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 plain\r\n")


def test_mail_is_not_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with TCPServer(("127.0.0.1", 0), SmtpServerWithoutTls) as server:
        Thread(target=server.handle_request).start()
        url = f"smtp://user:password@127.0.0.1:{server.server_address[1]}"
        monkeypatch.setitem(settings.__dict__, "smtp_url", url)
        with pytest.raises(smtplib.SMTPNotSupportedError):
            deliver(MESSAGE, key="0123")
    assert set(SmtpServerWithoutTls.received) <= {b"ehlo", b"QUIT"}
