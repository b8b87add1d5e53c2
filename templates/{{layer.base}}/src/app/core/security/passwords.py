"""Password hashing with Argon2id, and a strength estimate of new passwords.

Hashing takes 20 ms of CPU or more, on purpose: async code calls these functions in a thread.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.errors import Invalid

MIN_LENGTH = 12
MAX_LENGTH = 128

# OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
_hasher = PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1),))


def hash_password(password: str) -> str:
    return _hasher.hash(normalise(password))


def verify_password(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Return whether the password is correct, and a new hash if the stored one is outdated.

    `stored` is None when the user does not exist or has no password. A dummy hash is verified
    then: otherwise the response time would reveal which addresses have an account.
    """
    try:
        valid, new_hash = _hasher.verify_and_update(normalise(password), stored or _dummy_hash())
    except UnknownHashError:
        return False, None
    return (valid, new_hash) if stored else (False, None)


def check_password(password: str, *, pointer: str, personal: Iterable[str] = ()) -> None:
    """Raise Invalid for a password that is easy to guess.

    There are no composition rules (NIST SP 800-63B), and the schema checks the length. The
    estimate finds common words, also with substituted characters ("P4ssw0rd"), and the `personal`
    texts: e-mail address and name.
    """
    if _guess_bits(normalise(password), personal) < _MIN_GUESS_BITS:
        raise Invalid(
            pointer=pointer,
            code="password_too_common",
            detail=(
                "The password is too easy to guess: it is made of common words, sequences "
                "or your own name or address."
            ),
        )


def normalise(password: str) -> str:
    """Return the NFKC form: devices encode the same character differently (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    # test_passwords.py verifies that no account accepts this password.
    return hash_password("any password")


# The estimate divides the password into listed words, keyboard walks, repeated characters, years
# and single characters. Each piece costs the bits of choosing it, and the cheapest division counts.
# A list of whole passwords would need millions of entries of 12 or more characters
# ("Welcome2025!!", "qwerty123456", "P4sswordPassword"), and would not contain the user's name.

_MIN_GUESS_BITS = 32.0
_WORD_BITS = 10.0  # about a thousand listed words
_WALK_BITS = 8.0
_YEAR_BITS = 7.0
_PERSONAL_BITS = 4.0
# Low for punctuation: few marks are common in passwords.
_DIGIT_BITS, _LETTER_BITS, _OTHER_BITS = 3.3, 4.7, 4.0
_MIN_PIECE = 3
_MAX_PIECE = 40

_YEAR = re.compile(r"(19|20)\d\d")
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz 01234567890 1234567890-= !@#$%^&*()_+ "
    "qwertyuiop[] asdfghjkl;' zxcvbnm,./ qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn "
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/ qazwsxedcrfvtgbyhnujmikolp "
    "1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6u7i8o9p0"
)
_WALKS = f"{_ROWS} {_ROWS[::-1]}"
# Two tables, since "1" can stand for i or l.
_SUBSTITUTIONS = tuple(str.maketrans("@40135$7+", f"aao{one}esstt") for one in "il")


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _guess_bits(password: str, personal: Iterable[str]) -> float:
    plain = password.casefold()
    spellings = [plain, *(plain.translate(table) for table in _SUBSTITUTIONS)]
    own = {
        piece
        for text in personal
        for piece in (text.casefold(), *re.split(r"[\W_]+", text.casefold()))
        if len(piece) >= _MIN_PIECE
    }
    # cheapest[i] is the cost of the first i characters.
    cheapest = [0.0]
    for end in range(1, len(plain) + 1):
        costs = [cheapest[end - 1] + _character_bits(plain[end - 1])]
        for start in range(max(0, end - _MAX_PIECE), end - _MIN_PIECE + 1):
            pieces = {spelling[start:end] for spelling in spellings}
            costs.append(cheapest[start] + _piece_bits(plain[start:end], pieces, own))
        cheapest.append(min(costs))
    # "abcabcabcabc" costs one "abc" and the number of repetitions.
    length = len(plain)
    period = (plain + plain).find(plain, 1)
    if 0 < period < length:
        return min(cheapest[length], cheapest[period] + _DIGIT_BITS)
    return cheapest[length]


def _piece_bits(plain: str, spellings: set[str], own: set[str]) -> float:
    if spellings & own:
        return _PERSONAL_BITS
    if len(set(plain)) == 1 or plain in _WALKS:
        return _WALK_BITS
    if _YEAR.fullmatch(plain):
        return _YEAR_BITS
    return _WORD_BITS if spellings & _words() else float("inf")


def _character_bits(character: str) -> float:
    if character.isdigit():
        return _DIGIT_BITS
    return _LETTER_BITS if character.isalpha() else _OTHER_BITS
