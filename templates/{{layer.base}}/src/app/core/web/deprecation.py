"""Deprecation of operations: response headers, and `deprecated` in the OpenAPI document."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Deprecated since a day, served until `sunset`; `guide` is the URL of a migration guide."""

    since: date
    sunset: date
    guide: str | None = None

    def __post_init__(self) -> None:
        if self.sunset < self.since:
            # RFC 9745, section 4
            raise ValueError("`sunset` must not be before `since`")

    def headers(self) -> dict[str, str]:
        """Return `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` to the guide."""
        headers = {
            "Deprecation": f"@{int(_midnight(self.since).timestamp())}",
            "Sunset": format_datetime(_midnight(self.sunset), usegmt=True),
        }
        if self.guide:
            headers["Link"] = f'<{self.guide}>; rel="deprecation"; type="text/html"'
        return headers


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
