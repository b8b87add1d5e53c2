"""Passwords: Argon2id, and a refusal of what anybody would guess.

Every function here burns CPU on purpose, 20 ms and more: async code calls them in a thread.
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
    """Hash a password for storage."""
    return _hasher.hash(normalise(password))


def verify_password(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Tell whether the password is right, and the hash to store instead if the old one is weak.

    `stored` is None for a user who does not exist or has no password: that takes as long, so
    that the time of the answer does not tell who has an account.
    """
    try:
        right, better = _hasher.verify_and_update(normalise(password), stored or _dummy_hash())
    except UnknownHashError:
        return False, None
    return (right, better) if stored else (False, None)


def check_password(password: str, *, pointer: str, personal: Iterable[str] = ()) -> None:
    """Refuse (Invalid) a password that few guesses would find.

    There are no composition rules. Length is checked by the contract's schema; this looks for
    common passwords, in any disguise, and for the `personal` texts: e-mail address, name.
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
    """Make one text of what two systems compose in different ways (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return hash_password("nobody's password")


# How hard is it to guess? The password is cut, in the cheapest way, into listed words, walks on
# the keyboard, repeated characters, years and single characters; each costs the bits of choosing
# it. A list of whole passwords would need millions of entries of 12 characters and more
# ("Welcome2025!!", "qwerty123456", "P4sswordPassword") and still miss your name.

_MIN_GUESS_BITS = 32.0
_WORD_BITS = 10.0  # about a thousand listed words
_WALK_BITS = 8.0
_YEAR_BITS = 7.0
_PERSONAL_BITS = 4.0
# People reach for a handful of punctuation marks.
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
# Two tables, since "1" stands for both i and l.
_DISGUISES = tuple(str.maketrans("@40135$7+", f"aao{one}esstt") for one in "il")


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _guess_bits(password: str, personal: Iterable[str]) -> float:
    plain = password.casefold()
    spellings = [plain, *(plain.translate(table) for table in _DISGUISES)]
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
    # "abcabcabcabc": said once, and how often.
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
