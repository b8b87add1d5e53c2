from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pyotp
import pytest

from app.core.security import totp

NOW = 1_800_000_000
STEP = NOW // 30


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.security.totp.time.time", lambda: float(NOW))


@pytest.mark.parametrize(("offset", "accepted"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_codes_of_adjacent_steps_are_accepted(offset: int, accepted: bool) -> None:
    secret = totp.new_secret()
    code = pyotp.TOTP(secret).generate_otp(STEP + offset)
    step = totp.accepted_step(secret, code, last_step=None)
    assert step == (STEP + offset if accepted else None)


def test_used_and_older_codes_are_rejected() -> None:
    secret = totp.new_secret()
    code, older = (pyotp.TOTP(secret).generate_otp(STEP + offset) for offset in (0, -1))
    step = totp.accepted_step(secret, code, last_step=STEP - 3)
    assert step == STEP
    assert totp.accepted_step(secret, code, last_step=step) is None
    assert totp.accepted_step(secret, older, last_step=step) is None
    following = pyotp.TOTP(secret).generate_otp(STEP + 1)
    assert totp.accepted_step(secret, following, last_step=step) == STEP + 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", " 12345", "é" * 6])
def test_malformed_code_is_rejected(code: str) -> None:
    assert totp.accepted_step(totp.new_secret(), code, last_step=None) is None


def test_otpauth_uri_escapes_account_and_issuer() -> None:
    secret = totp.new_secret()
    uri = urlsplit(totp.otpauth_uri(secret, account="a+b@é.example", issuer="A & B: C"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/A & B: C:a+b@é.example"
    assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["A & B: C"]}


def test_recovery_codes_are_ten_and_unique() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(len(code) == 11 and code[5] == "-" for code in codes)


def test_recovery_code_hash_ignores_case_and_separators() -> None:
    user_id = uuid4()
    kept = totp.hash_recovery_code(user_id, "k3v9x-0p2mz")
    assert totp.hash_recovery_code(user_id, " K3V9X 0p2mz ") == kept
    assert totp.hash_recovery_code(user_id, "k3v9x-0p2my") != kept
    assert totp.hash_recovery_code(uuid4(), "k3v9x-0p2mz") != kept
