"""Announcing that an operation will go: one declaration on the route gives headers and document."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Deprecated `since` a day, answered until `sunset`; `guide` is a page that says what next."""

    since: date
    sunset: date
    guide: str | None = None

    def __post_init__(self) -> None:
        """Refuse an end before the beginning (RFC 9745, section 4)."""
        if self.sunset < self.since:
            raise ValueError("an operation cannot go before it is deprecated")

    def headers(self) -> dict[str, str]:
        """Make `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and the link to the guide."""
        headers = {
            "Deprecation": f"@{int(_midnight(self.since).timestamp())}",
            "Sunset": format_datetime(_midnight(self.sunset), usegmt=True),
        }
        if self.guide:
            headers["Link"] = f'<{self.guide}>; rel="deprecation"; type="text/html"'
        return headers


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
