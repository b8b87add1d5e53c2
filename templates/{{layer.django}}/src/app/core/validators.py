"""The text rules of `app.core.schemas` as validators of model fields."""

import re

from django.core.exceptions import ValidationError

from app.core.schemas import MULTI_LINE, ONE_LINE


def one_line(value: str) -> None:
    """Raise ValidationError for control and invisible characters."""
    _check(ONE_LINE, value)


def multi_line(value: str) -> None:
    """Raise ValidationError for control characters other than tabs and line feeds."""
    # Forms of browsers send CR LF.
    _check(MULTI_LINE, value.replace("\r\n", "\n"))


def _check(pattern: str, value: str) -> None:
    if re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is None:
        raise ValidationError("Control characters are not allowed.", code="string_pattern_mismatch")
