from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from app.core import mail_files
from app.core.errors import NotFound
from app.settings import settings

LINK = "https://app.example.com/verify-email?token=" + "x=" * 200


@pytest.fixture(autouse=True)
def mail_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(settings.__dict__, "mail_dir", tmp_path / "mail")
    return tmp_path / "mail"


def _write(subject: str = "Grüße " * 20) -> None:
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = subject.strip()
    mail.set_content(f"Grüße\n{LINK}\n")
    mail.add_alternative(f"<a href='{LINK}'>Grüße</a>\n", subtype="html")
    mail_files.write(mail)


def test_file_is_readable(mail_dir: Path) -> None:
    _write()
    [path] = mail_dir.iterdir()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert f"Subject: {'Grüße ' * 19}Grüße" in lines
    assert {"Grüße", LINK, f"<a href='{LINK}'>Grüße</a>"} <= set(lines)


def test_newest_is_first(mail_dir: Path) -> None:
    for subject in ("1", "2", "3"):
        _write(subject)
    (mail_dir / "other.eml").write_text("not written by the service")
    assert [mail["Subject"] for _, mail in mail_files.newest(2)] == ["3", "2"]


def test_deleted_files_are_skipped(mail_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for subject in ("1", "2"):
        _write(subject)
    last = max(mail_dir.iterdir())
    listed = [*mail_dir.iterdir()]
    last.unlink()
    monkeypatch.setattr(Path, "glob", lambda *_: listed)
    assert [mail["Subject"] for _, mail in mail_files.newest(2)] == ["1"]


def test_time_is_in_the_name() -> None:
    before = datetime.now(UTC)
    _write()
    [(name, _)] = mail_files.newest(1)
    assert before <= mail_files.written_at(name) <= datetime.now(UTC)


def test_a_mail_is_read_by_its_name() -> None:
    _write("1")
    [(name, _)] = mail_files.newest(1)
    assert mail_files.read(name)["Subject"] == "1"


@pytest.mark.parametrize(
    "name",
    [
        "20261126T220000.000000Z-0123.eml",
        "../secret.eml",
        "../20261126T220000.000000Z-0123.eml",
        "/etc/passwd",
        "..",
        "",
        "secret.eml",
        "20261126T220000.000000Z-0/../../x.eml",
        "20261126T220000.000000Z-0123.eml\n",
    ],
)
def test_other_paths_are_not_found(name: str, mail_dir: Path) -> None:
    mail_dir.mkdir()
    for path in (mail_dir / "secret.eml", mail_dir.parent / "secret.eml"):
        path.write_text("secret")
    (mail_dir.parent / "20261126T220000.000000Z-0123.eml").write_text("secret")
    with pytest.raises(NotFound):
        mail_files.read(name)
