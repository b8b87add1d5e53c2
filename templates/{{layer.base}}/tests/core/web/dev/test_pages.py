from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.core import mail_files
from app.core.mail import deliver
from app.core.mail_message import Link, Message
from app.core.web.dev.pages import PAGES, PATHS, render, render_mail
from app.settings import settings

MESSAGE = Message(
    to="ann@example.com",
    subject="<b>Hello</b>",
    body=("text", Link("Open", "https://app.example.com/verify-email?token=abc")),
)


@pytest.fixture(autouse=True)
def mail_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(settings.__dict__, "mail_dir", tmp_path)
    return tmp_path


class Elements(HTMLParser):
    """The attributes of all elements, by tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str | None]]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(tag, []).append(dict(attrs))


@pytest.mark.parametrize("path", PAGES)
def test_page_has_a_title_and_a_label_for_each_field(path: str) -> None:
    html, _ = render(path)
    assert f"<h1>{PAGES[path]}</h1>" in html
    fields = Elements(html).found.get("input", [])
    shown = [field for field in fields if field.get("type") != "hidden"]
    assert html.count("<label>") == len(shown) + len(Elements(html).found.get("select", []))


@pytest.mark.parametrize("path", PATHS)
def test_paths_have_content_of_their_type(path: str) -> None:
    content, media_type = render(path)
    assert content
    expected = {"css": "text/css", "js": "text/javascript"}
    assert media_type == expected.get(path.rpartition(".")[2], "text/html")


def test_list_links_to_each_mail() -> None:
    deliver(MESSAGE, key="0123")
    [(name, _)] = mail_files.newest(1)
    html, _ = render("/dev/mail")
    assert f'<a href="/dev/mail/{name}">&lt;b&gt;Hello&lt;/b&gt;</a>' in html
    assert "ann@example.com" in html


def test_mail_is_shown_in_a_sandbox_with_its_link() -> None:
    deliver(MESSAGE, key="0123")
    [(name, _)] = mail_files.newest(1)
    html = render_mail(name)
    [frame] = Elements(html).found["iframe"]
    assert frame["sandbox"] == "allow-top-navigation-by-user-activation"
    links = Elements(frame["srcdoc"] or "").found["a"]
    assert [link["href"] for link in links] == MESSAGE.links
    assert "<b>Hello</b>" not in html


def test_mail_without_headers_is_shown() -> None:
    mail = EmailMessage()
    mail.set_content("text")
    mail_files.write(mail)
    [(name, _)] = mail_files.newest(1)
    html, _ = render("/dev/mail")
    assert f'<a href="/dev/mail/{name}">(no subject)</a>' in html
    assert "<h1>(no subject)</h1>" in render_mail(name)
