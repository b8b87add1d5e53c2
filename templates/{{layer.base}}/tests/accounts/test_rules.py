from dataclasses import dataclass

import pytest

from app.accounts import rules
from app.core.errors import Unauthenticated


@dataclass
class Pending:
    password_hash: str | None


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [([], None), (["a"], 0), (["a", "a"], 0), (["a", "b"], None), (["a", "b", "a"], None)],
)
def test_sign_ups_count_if_they_agree(hashes: list[str], expected: int | None) -> None:
    pending = [Pending(item) for item in hashes]
    agreed = rules.agreed_sign_up(pending)
    assert agreed is (None if expected is None else pending[expected])


def test_provider_email_is_normalised() -> None:
    assert rules.provider_email("Ada@Example.com", verified=True) == "ada@example.com"


@pytest.mark.parametrize(
    ("email", "verified"), [(None, True), ("ada", True), ("ada@example.com", False)]
)
def test_provider_must_have_verified_the_email(email: str | None, verified: bool) -> None:
    with pytest.raises(Unauthenticated):
        rules.provider_email(email, verified=verified)


@pytest.mark.parametrize(
    ("name", "expected"), [("Ada", "Ada"), (None, "ada"), ("", "ada"), ("a\x00b", "ada")]
)
def test_provider_name_falls_back_to_the_email(name: str | None, expected: str) -> None:
    assert rules.provider_name(name, email="ada@example.com") == expected
