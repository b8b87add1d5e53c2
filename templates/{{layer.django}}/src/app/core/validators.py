"""The contract's rules for texts, for Django's own forms."""

import re

from django.core.exceptions import ValidationError

from app.core.schemas import MULTI_LINE, ONE_LINE


def one_line(value: str) -> None:
    """Refuse (ValidationError) control characters, and what nobody can see."""
    _check(ONE_LINE, value)


def multi_line(value: str) -> None:
    """Refuse (ValidationError) control characters other than tabs and line feeds."""
    # Browsers send the ends of lines as they were sent in the 1970s.
    _check(MULTI_LINE, value.replace("\r\n", "\n"))


def _check(pattern: str, value: str) -> None:
    if re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is None:
        raise ValidationError("Control characters are not allowed.", code="string_pattern_mismatch")
