"""A mail to send; the `mails.py` of each module compose it, `app.core.mail` delivers it."""

from dataclasses import dataclass
from html import escape

from app.about import NAME


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """A mail to one recipient: paragraphs and links, rendered as text and as HTML."""

    to: str
    subject: str
    body: tuple[str | Link, ...]

    @property
    def links(self) -> list[str]:
        return [part.url for part in self.body if isinstance(part, Link)]

    @property
    def text(self) -> str:
        parts = [
            f"{part.label}:\n{part.url}" if isinstance(part, Link) else part for part in self.body
        ]
        return "\n\n".join([*parts, f"-- \n{NAME}\n"])

    @property
    def html(self) -> str:
        parts = [
            f'<a href="{escape(part.url)}">{escape(part.label)}</a>'
            if isinstance(part, Link)
            else escape(part)
            for part in self.body
        ]
        paragraphs = "".join(f"<p>{part}</p>\n" for part in [*parts, f"— {escape(NAME)}"])
        return (
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
            f"<title>{escape(self.subject)}</title>\n"
            f'<body style="font-family: sans-serif; line-height: 1.5">\n{paragraphs}</body>\n'
            "</html>\n"
        )
