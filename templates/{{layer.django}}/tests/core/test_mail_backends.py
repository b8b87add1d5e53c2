import smtplib
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from django.core import mail as django_mail
from django.test import override_settings

from app.config.settings import MAILERS, smtp_mailer
from app.core.mail import deliver
from app.core.mail_message import Message

MESSAGE = Message(to="ann@example.com", subject="Hello", body=("text",))


@pytest.mark.parametrize(
    ("url", "options"),
    [
        (
            "smtp://user:p%40ss@mail.example.com",
            {"port": 587, "use_tls": True, "username": "user", "password": "p@ss"},
        ),
        ("smtps://mail.example.com", {"port": 465, "use_ssl": True, "use_tls": False}),
        ("smtp://catcher:1025?starttls=no", {"port": 1025, "use_ssl": False, "use_tls": False}),
    ],
)
def test_smtp_url_gives_the_options_of_the_backend(url: str, options: dict[str, Any]) -> None:
    with override_settings(MAILERS={"default": smtp_mailer(url)}):
        backend: Any = django_mail.mailers.default
    assert {name: getattr(backend, name) for name in options} == options
    assert backend.timeout == 20
    assert backend.ssl_context.check_hostname


def test_jobs_use_the_backend_of_the_settings() -> None:
    locmem = {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
    with override_settings(MAILERS={"default": locmem}):
        deliver(MESSAGE, key="0123")
    [sent] = django_mail.outbox
    assert (sent.to, sent.subject, sent.body) == (["ann@example.com"], "Hello", MESSAGE.text)
    assert isinstance(sent, django_mail.EmailMultiAlternatives)
    assert sent.alternatives == [(MESSAGE.html, "text/html")]
    assert sent.message()["X-Idempotency-Key"] == "0123"
    assert sent.message()["Message-ID"].startswith("<0123@")


def test_without_smtp_url_mails_are_files() -> None:
    assert MAILERS["default"]["BACKEND"] == "app.core.mail_backends.FileBackend"


class SmtpServerWithoutTls(StreamRequestHandler):
    """A mail server that does not offer STARTTLS."""

    received: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 plain\r\n")
        for line in self.rfile:
            self.received.append(line.split()[0])
            self.wfile.write(b"221 bye\r\n" if line.startswith(b"quit") else b"250 plain\r\n")


def test_mail_is_not_sent_without_tls() -> None:
    with TCPServer(("127.0.0.1", 0), SmtpServerWithoutTls) as server:
        Thread(target=server.handle_request).start()
        url = f"smtp://user:password@127.0.0.1:{server.server_address[1]}"
        mailers = {"default": smtp_mailer(url)}
        with override_settings(MAILERS=mailers), pytest.raises(smtplib.SMTPNotSupportedError):
            deliver(MESSAGE, key="0123")
    assert set(SmtpServerWithoutTls.received) <= {b"ehlo", b"quit"}
