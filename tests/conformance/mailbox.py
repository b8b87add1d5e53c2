"""Reader of the mails that the service writes to MAIL_DIR."""

import email
import email.policy
import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

LINK = re.compile(r"https?://\S+")


class Mailbox:
    """The mails of one service, one `*.eml` file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[int, list[str], list[str]]] = {}

    def tokens(
        self, kind: str, address: str, *, at_least: int = 1, timeout: float = 45
    ) -> list[str]:
        """Wait for mails to `address` with a link `/<kind>?token=`; return tokens, oldest first."""
        deadline = time.monotonic() + timeout
        while True:
            found = self._tokens_now(kind, address)
            if len(found) >= at_least:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"expected {at_least} mails '{kind}' to {address} within {timeout} s, found "
                    f"{len(found)} in {self.folder}: is the worker running?"
                )
            time.sleep(0.05)

    def token(self, kind: str, address: str) -> str:
        """Wait for a mail as `tokens` does; return the newest token."""
        return self.tokens(kind, address)[-1]

    def count(self, address: str) -> int:
        return sum(address.lower() in to for _, to, _ in self._mails())

    def _tokens_now(self, kind: str, address: str) -> list[str]:
        tokens = []
        for _, to, links in self._mails():
            if address.lower() not in to:
                continue
            for link in links:
                parts = urlsplit(link)
                if parts.path.endswith(f"/{kind}"):
                    tokens += parse_qs(parts.query).get("token", [])
        return tokens

    def _mails(self) -> list[tuple[int, list[str], list[str]]]:
        for path in self.folder.glob("*.eml"):
            if path not in self._read:
                self._read[path] = _parse(path)
        return sorted(self._read.values(), key=lambda mail: mail[0])


def _parse(path: Path) -> tuple[int, list[str], list[str]]:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    recipients = message["To"]
    to = [address.addr_spec.lower() for address in recipients.addresses] if recipients else []
    body = message.get_body(("plain", "html"))
    text = body.get_content() if body else ""
    return path.stat().st_mtime_ns, to, [link.rstrip(".>)\"'") for link in LINK.findall(text)]
