"""Pages to try the service without a front end: sign-up, links of mails, a viewer of the mails.

Served only if `settings.is_local`: the mails contain links that open accounts. The forms call the
API.
"""

from email.message import EmailMessage
from html import escape
from importlib.resources import files
from string import Template

from app import about
from app.core import mail_files

PAGES = {
    "/dev/sign-up": "Sign up",
    "/dev/sign-in": "Sign in",
    "/dev/forgot-password": "Forgot password",
    "/dev/projects": "Projects",
    # Links in mails lead to these paths below APP_URL.
    "/verify-email": "Confirm your e-mail address",
    "/reset-password": "Set a new password",
    "/accept-invitation": "Accept the invitation",
}
_ASSETS = {"/dev/pages.css": "text/css", "/dev/pages.js": "text/javascript"}
_MAILS = "/dev/mail"
PATHS = (*PAGES, *_ASSETS, _MAILS)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
_SHOWN_MAILS = 50
_FILES = files(__package__) / "files"


def render(path: str) -> tuple[str, str]:
    """Return content and media type of a path of `PATHS`."""
    name = path.rpartition("/")[2]
    if path in _ASSETS:
        return _read(name), _ASSETS[path]
    if path == _MAILS:
        return _render_mails(), "text/html"
    return _page(PAGES[path], _read(f"{name}.html")), "text/html"


def _read(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _render_mails() -> str:
    rows = "".join(
        f"<tr><td>{mail_files.written_at(name):%H:%M:%S}<td>{escape(mail['To'] or '')}"
        f'<td><a href="/dev/mail/{name}">{escape(_subject(mail))}</a>\n'
        for name, mail in mail_files.newest(_SHOWN_MAILS)
    )
    return _page(
        "Mails",
        "<p>Newest first; times in UTC. This page reloads every 3 seconds.\n"
        f"<table><thead><tr><th>Time<th>To<th>Subject\n<tbody>\n{rows}</table>\n",
    )


def render_mail(name: str) -> str:
    """Return the HTML of a file in MAIL_DIR; raises NotFound."""
    mail = mail_files.read(name)
    text, html = _content(mail, "plain"), _content(mail, "html")
    # Sandboxed: a mail runs no script here. Its links open in this tab.
    frame = (
        '<iframe title="Mail" sandbox="allow-top-navigation-by-user-activation" '
        f'srcdoc="{escape(f'<base target="_top">{html}')}"></iframe>\n'
        if html
        else ""
    )
    return _page(
        _subject(mail),
        f"<p>From {escape(mail['From'] or '')}<br>To {escape(mail['To'] or '')}\n{frame}"
        f"<details{'' if html else ' open'}><summary>Text</summary>"
        f"<pre>{escape(text)}</pre></details>\n",
    )


def _subject(mail: EmailMessage) -> str:
    return str(mail["Subject"] or "(no subject)")


def _content(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body((subtype,))
    return str(body.get_content()) if body else ""


def _page(title: str, main: str) -> str:
    layout = Template(_read("layout.html"))
    return layout.substitute(title=escape(title), name=escape(about.NAME), main=main)
