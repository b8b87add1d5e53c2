import io
import sys

import pytest

from app.core.errors import Invalid
from app.core.security import password_prompt
from app.core.security.password_prompt import read_new_password


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, *passwords: str) -> None:
    """Type these passwords into a terminal."""
    answers = iter(passwords)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(password_prompt, "getpass", lambda *_: next(answers))


def test_terminal_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "first", "first")
    assert read_new_password() == "first"


def test_differing_passwords_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "first", "second")
    with pytest.raises(Invalid, match="differ"):
        read_new_password()


def test_first_line_of_other_input_is_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" with spaces \nsecond line\n"))
    assert read_new_password() == " with spaces "
