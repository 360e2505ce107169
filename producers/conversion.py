"""From recorded text to a value and back: nothing of the text is ever lost.

A text is converted only where rendering the value gives the text back. Booleans of any case and
every spelling of a double are converted too; their text then stays beside the value, in
`TcsEvent.original_text`. Whatever else looks like a number (`007`, `+5`, `1_000`, `0x1F`, `1e999`,
` 5`, more than 64 bits) is text.
"""

import math
import re
from typing import NamedTuple

from schemas.events.tcs import Value

BOOLEANS = {"true": True, "false": False}
_BEGINS_NUMBER = frozenset("0123456789+-.nNiI")
_BEGINS_BOOLEAN = frozenset("tTfF")

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DOUBLE = re.compile(
    r"[+-]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[0-9]+e[+-]?[0-9]+)", re.IGNORECASE
)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_LEAST, _GREATEST = -(2**63), 2**63 - 1


class Conversion(NamedTuple):
    """Which texts become values; what does not stays a string."""

    numbers: bool = True
    booleans: bool = True

    def __call__(self, text: str) -> tuple[Value, bool]:
        """Return the value of a text, and whether rendering it gives the text back."""
        first = text[:1]
        if first in _BEGINS_NUMBER and self.numbers:
            if "." in text:  # most numbers are doubles, and most doubles are spelled as Python does
                try:
                    double = float(text)
                    if repr(double) == text:
                        return double, True
                except ValueError:
                    return text, True
            return _integer(text) or _double(text) or (text, True)
        if first in _BEGINS_BOOLEAN and self.booleans:
            boolean = BOOLEANS.get(text.lower())
            if boolean is not None:
                return boolean, text in BOOLEANS
        return text, True


CONVERT_ALL = Conversion()


def _integer(text: str) -> tuple[int, bool] | None:
    if _INTEGER.fullmatch(text):
        integer = int(text)
        if _LEAST <= integer <= _GREATEST:
            return integer, True
    return None


def _double(text: str) -> tuple[float, bool] | None:
    if _DOUBLE.fullmatch(text):
        double = float(text)
        return None if math.isinf(double) else (double, repr(double) == text)
    if _NOT_FINITE.fullmatch(text):
        double = float(text)
        # one NaN only, whatever its sign, so that an event has one encoding
        return (math.nan if math.isnan(double) else double), repr(double) == text
    return None


def render(value: bool | float) -> str:
    """Return the canonical text of a number or boolean; `Conversion` gives the value back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def same(one: Value, other: Value) -> bool:
    """Return whether two scalars are the same: 1, 1.0 and true differ, as do 0.0 and -0.0."""
    return type(one) is type(other) and repr(one) == repr(other)
