"""JSON as TCS writes it: the bare tokens NaN, Infinity and -Infinity are numbers.

orjson reads all but these tokens; what it refuses, and what it may have rounded, the standard
library reads again.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson

from producers.errors import Unfit

_T = TypeVar("_T")

_LEAST, _GREATEST = -(2**63), 2**63 - 1
_ROUNDED = float(2**63)
"""From here on orjson's doubles may be whole numbers of more than 64 bits."""

_FLAT = "a number, text, true, false, null or a flat array of these"
_INTEGER = "a whole number of 64 bits"


class _MayBeRounded(Exception):
    pass


def read(text: str | bytes, build: Callable[[Any, bool], _T]) -> _T:
    """Return what `build` makes of the JSON text and of whether its numbers are exact.

    `build` hands both on to `check`, and may be called twice. Raises `Unfit`.
    """
    try:
        return build(orjson.loads(text), False)
    except (orjson.JSONDecodeError, _MayBeRounded):
        return build(_exactly(text), True)


def check(values: Mapping[str, Any], exact: bool) -> None:
    """Raise `Unfit` if one of an object's members is not what a TCS event can hold."""
    for name, value in values.items():
        kind = type(value)
        if kind is float:
            if not (exact or -_ROUNDED < value < _ROUNDED):
                raise _MayBeRounded
        elif kind is int:
            if not _LEAST <= value <= _GREATEST:
                raise Unfit(name, value, _INTEGER)
        elif kind is list:
            _check_items(name, value, exact)
        elif kind is dict:
            raise Unfit(name, value, _FLAT)


def _check_items(name: str, items: list[Any], exact: bool) -> None:
    for index, item in enumerate(items):
        if isinstance(item, list | dict):
            raise Unfit(f"{name}[{index}]", item, "a number, text, true, false or null")
    check({f"{name}[{index}]": item for index, item in enumerate(items)}, exact)


def write(value: Any) -> str:
    """Return the JSON text; raises `UnicodeEncodeError` for half a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text.encode()
    return text


def write_object(members: Mapping[str, Any]) -> bytes:
    """Return the JSON text in UTF-8; raises `UnicodeEncodeError` for half a surrogate pair."""
    try:
        text = orjson.dumps(members)
    except orjson.JSONEncodeError:  # half a surrogate pair, which the other one names
        text = b"null"
    return write(members).encode() if b"null" in text else text  # orjson: NaN, the infinities


def _exactly(text: str | bytes) -> Any:
    try:
        found = json.loads(text, parse_float=_double)
        write(found)  # the standard library lets halves of surrogate pairs through
    except UnicodeEncodeError:
        raise Unfit("", text, "text with whole surrogate pairs") from None
    except (ValueError, RecursionError) as fault:
        raise Unfit("", text, f"JSON ({fault})") from None
    return found


def _double(text: str) -> float:
    double = float(text)
    if math.isinf(double):
        raise ValueError(f"{text} is beyond the range of 64-bit floats")
    return double
