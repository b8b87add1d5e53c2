from uuid import UUID, uuid4

import pytest

from app.core import security
from app.core.errors import Invalid

JUNK = ["", "a", "=", "not a token", "é" * 64, "A" * 64, "A" * 10_000, "\x00", "a.b.c"]


def test_each_purpose_has_its_own_key() -> None:
    assert security.derive_key("a") != security.derive_key("b")
    assert security.derive_key("a") == security.derive_key("a")
    assert len(security.derive_key("a")) == 32


@pytest.mark.parametrize("raw", [b"", b"x", b"\xff\xfe", bytes(range(256))])
def test_base64url_round_trip(raw: bytes) -> None:
    text = security.to_base64url(raw)
    assert "=" not in text
    assert security.from_base64url(text) == raw


# "AB" has bits beyond the last byte that a lenient decoder would drop: one token, two spellings.
@pytest.mark.parametrize("text", ["AB", "AA==", "A A", "+/+/", "A", "é", "AA\n"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        security.from_base64url(text)


def test_secrets_are_long_and_differ() -> None:
    one, two = security.new_secret(), security.new_secret()
    assert one != two
    assert len(security.from_base64url(one)) == 32
    assert security.hash_secret(one) == security.hash_secret(one)
    assert len(security.hash_secret(one)) == 32


def test_api_key_names_its_organization_and_shows_only_random_characters() -> None:
    organization_id = uuid4()
    one, two = security.new_api_key(organization_id), security.new_api_key(organization_id)
    assert one.key.startswith("sk_")
    assert security.read_api_key(one.key) == organization_id
    assert one.hash == security.hash_secret(one.key)
    assert one.display == one.key[3:11]
    assert one.display != two.display


@pytest.mark.parametrize("key", [*JUNK, *(f"sk_{junk}" for junk in JUNK if junk != "A" * 64)])
def test_junk_is_no_api_key(key: str) -> None:
    assert security.read_api_key(key) is None


def test_row_token_round_trip() -> None:
    row_id = uuid4()
    token = security.sign_row_token("verify-email", row_id)
    assert security.sign_row_token("verify-email", row_id) == token
    assert security.read_row_token("verify-email", token) == row_id


def test_tenant_row_token_round_trip() -> None:
    organization_id, row_id = uuid4(), uuid4()
    token = security.sign_tenant_row_token("invitation", organization_id, row_id)
    assert security.read_tenant_row_token("invitation", token) == (organization_id, row_id)


def test_row_token_is_good_for_one_purpose() -> None:
    token = security.sign_row_token("verify-email", uuid4())
    with pytest.raises(Invalid):
        security.read_row_token("reset-password", token)
    with pytest.raises(Invalid):
        security.read_tenant_row_token("verify-email", token)
    with pytest.raises(Invalid):
        security.read_row_token(
            "verify-email", security.sign_tenant_row_token("verify-email", uuid4(), uuid4())
        )


def test_every_changed_character_is_noticed() -> None:
    token = security.sign_row_token("verify-email", UUID(int=7))
    for position, character in enumerate(token):
        changed = token[:position] + ("B" if character == "A" else "A") + token[position + 1 :]
        with pytest.raises(Invalid):
            security.read_row_token("verify-email", changed)


@pytest.mark.parametrize("token", JUNK)
def test_junk_is_no_row_token(token: str) -> None:
    with pytest.raises(Invalid) as caught:
        security.read_row_token("verify-email", token)
    assert caught.value.errors[0].pointer == "/token"
    with pytest.raises(Invalid):
        security.read_tenant_row_token("verify-email", token)


def test_encryption_round_trip() -> None:
    sealed = security.encrypt("totp", b"secret")
    assert b"secret" not in sealed
    assert security.encrypt("totp", b"secret") != sealed
    assert security.decrypt("totp", sealed) == b"secret"


def test_encrypted_text_is_bound_to_its_purpose_and_content() -> None:
    sealed = security.encrypt("totp", b"secret")
    changed = bytes([sealed[0] ^ 1]) + sealed[1:]
    for purpose, text in [("other", sealed), ("totp", changed), ("totp", sealed[:-1])]:
        with pytest.raises(ValueError, match="not encrypted here"):
            security.decrypt(purpose, text)
    for short in (b"", b"short"):
        with pytest.raises(ValueError, match="too short"):
            security.decrypt("totp", short)
