from uuid import UUID, uuid4

import pytest

from app.core import crypto
from app.core.errors import Invalid
from app.core.security import tokens

MALFORMED = ["", "a", "=", "not a token", "é" * 64, "A" * 64, "A" * 10_000, "\x00", "a.b.c"]


def test_each_purpose_has_its_own_key() -> None:
    assert crypto.derive_key("a") != crypto.derive_key("b")
    assert crypto.derive_key("a") == crypto.derive_key("a")
    assert len(crypto.derive_key("a")) == 32


@pytest.mark.parametrize("raw", [b"", b"x", b"\xff\xfe", bytes(range(256))])
def test_base64url_round_trip(raw: bytes) -> None:
    text = crypto.to_base64url(raw)
    assert "=" not in text
    assert crypto.from_base64url(text) == raw


# A lenient decoder ignores the extra bits of "AB": two strings would be the same token.
@pytest.mark.parametrize("text", ["AB", "AA==", "A A", "+/+/", "A", "é", "AA\n"])
def test_non_canonical_base64url_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        crypto.from_base64url(text)


def test_secrets_are_256_bit_and_unique() -> None:
    one, two = crypto.new_secret(), crypto.new_secret()
    assert one != two
    assert len(crypto.from_base64url(one)) == 32
    assert crypto.hash_secret(one) == crypto.hash_secret(one)
    assert len(crypto.hash_secret(one)) == 32


def test_api_key_contains_its_organization_and_a_random_prefix() -> None:
    organization_id = uuid4()
    one, two = tokens.new_api_key(organization_id), tokens.new_api_key(organization_id)
    assert one.key.startswith("sk_")
    assert tokens.read_api_key(one.key) == organization_id
    assert one.hash == crypto.hash_secret(one.key)
    assert one.display == one.key[3:11]
    assert one.display != two.display


@pytest.mark.parametrize(
    "key", [*MALFORMED, *(f"sk_{malformed}" for malformed in MALFORMED if malformed != "A" * 64)]
)
def test_malformed_api_key_is_rejected(key: str) -> None:
    assert tokens.read_api_key(key) is None


def test_row_token_round_trip() -> None:
    row_id = uuid4()
    token = tokens.sign_row_token("verify-email", row_id)
    assert tokens.sign_row_token("verify-email", row_id) == token
    assert tokens.read_row_token("verify-email", token) == row_id


def test_tenant_row_token_round_trip() -> None:
    organization_id, row_id = uuid4(), uuid4()
    token = tokens.sign_tenant_row_token("invitation", organization_id, row_id)
    assert tokens.read_tenant_row_token("invitation", token) == (organization_id, row_id)


def test_row_token_is_valid_for_one_purpose() -> None:
    token = tokens.sign_row_token("verify-email", uuid4())
    with pytest.raises(Invalid):
        tokens.read_row_token("reset-password", token)
    with pytest.raises(Invalid):
        tokens.read_tenant_row_token("verify-email", token)
    with pytest.raises(Invalid):
        tokens.read_row_token(
            "verify-email", tokens.sign_tenant_row_token("verify-email", uuid4(), uuid4())
        )


def test_change_of_any_character_is_rejected() -> None:
    token = tokens.sign_row_token("verify-email", UUID(int=7))
    for position, character in enumerate(token):
        changed = token[:position] + ("B" if character == "A" else "A") + token[position + 1 :]
        with pytest.raises(Invalid):
            tokens.read_row_token("verify-email", changed)


@pytest.mark.parametrize("token", MALFORMED)
def test_malformed_row_token_is_rejected(token: str) -> None:
    with pytest.raises(Invalid) as caught:
        tokens.read_row_token("verify-email", token)
    assert caught.value.errors[0].pointer == "/token"
    with pytest.raises(Invalid):
        tokens.read_tenant_row_token("verify-email", token)


def test_encryption_round_trip() -> None:
    encrypted = crypto.encrypt("totp", b"secret")
    assert b"secret" not in encrypted
    assert crypto.encrypt("totp", b"secret") != encrypted
    assert crypto.decrypt("totp", encrypted) == b"secret"


def test_decrypt_rejects_another_purpose_and_changed_content() -> None:
    encrypted = crypto.encrypt("totp", b"secret")
    changed = bytes([encrypted[0] ^ 1]) + encrypted[1:]
    for purpose, text in [("other", encrypted), ("totp", changed), ("totp", encrypted[:-1])]:
        with pytest.raises(ValueError, match="not encrypted here"):
            crypto.decrypt(purpose, text)
    for short in (b"", b"short"):
        with pytest.raises(ValueError, match="too short"):
            crypto.decrypt("totp", short)
