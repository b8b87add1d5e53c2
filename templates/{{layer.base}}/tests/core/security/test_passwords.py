import time

import pytest
from argon2 import PasswordHasher

from app.core.errors import Invalid
from app.core.security import passwords

PASSWORD = "velvet-otter-7-harbour"


def test_round_trip() -> None:
    stored = passwords.hash_password(PASSWORD)
    assert passwords.verify_password(PASSWORD, stored) == (True, None)
    assert passwords.verify_password(PASSWORD + "x", stored) == (False, None)
    assert passwords.hash_password(PASSWORD) != stored


def test_hash_is_argon2id_with_owasp_parameters() -> None:
    assert passwords.hash_password(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_unicode_normalization_does_not_matter() -> None:
    stored = passwords.hash_password("caf\u00e9-otter-harbour")
    assert passwords.verify_password("cafe\u0301-otter-harbour", stored)[0]


def test_weak_hash_is_upgraded_only_with_the_right_password() -> None:
    weak = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
    right, better = passwords.verify_password(PASSWORD, weak)
    assert right
    assert better is not None
    assert passwords.verify_password(PASSWORD, better) == (True, None)
    assert passwords.verify_password("wrong", weak) == (False, None)


@pytest.mark.parametrize("stored", [None, "", "!", "plain text"])
def test_unusable_hash_is_a_wrong_password(stored: str | None) -> None:
    assert passwords.verify_password("any password", stored) == (False, None)


def test_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    stored = passwords.hash_password(PASSWORD)
    passwords.verify_password("warm up", None)

    def cost(hashed: str | None) -> float:
        start = time.thread_time()
        for _ in range(5):
            passwords.verify_password("wrong", hashed)
        return time.thread_time() - start

    known, unknown = cost(stored), cost(None)
    assert 0.4 < unknown / known < 2.5


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password123!",
        "P@ssw0rd2025!",
        "passwordpassword",
        "Welcome2025!!",
        "Summer-2026!!",
        "qwertyuiop123",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "zaq1xsw2cde3",
        "123456789012",
        "210987654321",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "x7x7x7x7x7x7",
        "iloveyou12345",
        "letmeinletmein",
        "admin_admin_1",
        "changeme12345",
        "michael01011990",
        "adalovelace12",
        "ada.lovelace1",
        "Lovelace-2026",
        "ada.lovelace@analytical.example",
    ],
)
def test_common_passwords_and_variations_are_rejected(password: str) -> None:
    with pytest.raises(Invalid) as caught:
        passwords.check_password(
            password,
            pointer="/password",
            personal=["ada.lovelace@analytical.example", "Ada Lovelace"],
        )
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/password", "password_too_common")
    assert password not in error.detail


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery staple",
        "xkqvbtzmwplr",
        "a8F!kq02_zPw",
        "wachtwoordzin van mijn oma",
        "пароль из нескольких слов",
        "色は匂へど散りぬるを我が世誰ぞ",
        "🦊🐙🦉🐝🦋🐢🦔🐳🦩🐌🦜🐿️",
    ],
)
def test_uncommon_passwords_are_accepted(password: str) -> None:
    passwords.check_password(password, pointer="/password", personal=["ada@example.com", "Ada"])


def test_longest_passwords_are_checked_in_one_second() -> None:
    start = time.thread_time()
    for password in ("\ufdfa" * 128, "password" * 16, "qwertyuiop1" * 11):
        try:
            passwords.check_password(password, pointer="/password", personal=["a@b.example"] * 3)
        except Invalid:
            continue
    assert time.thread_time() - start < 1
