"""Instants as TCS writes them: text of seconds since 1970-01-01 UTC, with six decimals."""

import re
from fractions import Fraction
from math import floor

from producers.errors import Unfit
from schemas import utc
from schemas.utc import MICROS

_EXPECTED = "Unix seconds such as 1526374800.123456, or an instant in ISO 8601"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)


def render(micros: int) -> str:
    """Return the canonical text of an instant."""
    seconds, fraction = divmod(abs(micros), MICROS)
    return f"{'-' if micros < 0 else ''}{seconds}.{fraction:06d}"


def parse(field: str, found: object) -> tuple[int, str | None]:
    """Return the instant (µs) that a field holds, and its text unless that is the canonical one.

    Digits beyond are cut off towards the past, never rounded; a number counts as its shortest
    text. Raises `Unfit`.
    """
    if type(found) is str:
        text = found
        if len(text) == 17 and text[10] == "." and text[0] != "0" and text.isascii():
            digits = text[:10] + text[11:]
            if digits.isdigit():
                return int(digits), None
    elif isinstance(found, int | float) and not isinstance(found, bool):
        text = repr(found)
    else:
        raise Unfit(field, found, _EXPECTED)
    micros = _micros(field, text)
    return micros, None if render(micros) == text else text


def _micros(field: str, text: str) -> int:
    try:
        number = _NUMBER.fullmatch(text)
        micros = floor(Fraction(text) * MICROS) if number else utc.parse(text)
    except (ValueError, OverflowError, utc.NotATime):
        raise Unfit(field, text, _EXPECTED) from None
    if not utc.FIRST <= micros <= utc.LAST:
        raise Unfit(field, text, "in the years 1 to 9999 (these are Unix seconds, not ms or µs)")
    return micros
