"""JSON as people and programs write it: JSON Lines, objects over many lines, arrays."""

import json
import math
import re
from collections.abc import Generator, Iterable, Iterator
from json import JSONDecodeError
from typing import IO, Any

import orjson

from infra.publishing.errors import RecordRefused
from infra.publishing.records import JsonItem

_GAP = re.compile(r"[ \t\r\n]*")


def _double(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]}… is beyond the range of a double")
    return value


_DECODER = json.JSONDecoder(parse_float=_double)
_MANY_DIGITS = re.compile(rb"\d{19}")


def loads(text: bytes) -> Any:
    """Return the value of a JSON text; bare NaN and ±Infinity are numbers. Raises `ValueError`."""
    if not _MANY_DIGITS.search(text):  # orjson makes doubles of whole numbers beyond 64 bits
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    # slower, but knows NaN and the byte order mark, and says better what is wrong
    try:
        return _DECODER.decode(text.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_items(stream: IO[bytes], name: str) -> Iterator[JsonItem]:
    """Yield the records of a stream, each as soon as its line is there where a line is a record.

    From a line on that ends within a value, the text is read to its end: the records are then its
    objects, and the items of its arrays.
    """
    for number, line in enumerate(stream, 1):
        try:
            yield from _of_line(loads(line), f"{name}:{number}")
        except ValueError:
            if line.strip():
                yield from _otherwise(line, stream, name, number)


def _otherwise(line: bytes, stream: IO[bytes], name: str, number: int) -> Iterable[JsonItem]:
    """Return the records that begin on a line which is not one value."""
    try:
        return list(_document(line, name, number))
    except RecordRefused as fault:
        cause = fault.__cause__
        if not isinstance(cause, JSONDecodeError) or cause.pos < len(cause.doc.rstrip()):
            raise
    return _document(line + stream.read(), name, number)


def _of_line(value: Any, where: str) -> Iterator[JsonItem]:
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield JsonItem(f"{where} (item {number})", item)
    else:
        yield JsonItem(where, value)


def _document(text: bytes, name: str, first_line: int) -> Iterator[JsonItem]:
    line, counted = first_line, 0
    try:
        decoded = text.decode("utf-8-sig")
        for at, value in _values(decoded):
            line += decoded.count("\n", counted, at)
            counted = at
            yield JsonItem(f"{name}:{line}", value)
    except JSONDecodeError as fault:
        reason = _not_json(fault)
        if fault.lineno > 1:
            reason += f", in what begins on line {first_line}"
        raise RecordRefused(f"{name}:{first_line + fault.lineno - 1}", reason) from fault
    except (ValueError, RecursionError) as fault:
        raise RecordRefused(f"{name}:{line}", _not_json(fault)) from fault


def _not_json(fault: Exception) -> str:
    if isinstance(fault, JSONDecodeError):
        return f"not JSON: {fault.msg} (column {fault.colno})"
    return f"not JSON: {'nested too deeply' if isinstance(fault, RecursionError) else fault}"


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """Yield each value of a text, of an array each item, with the position where it begins."""
    at = _after_gap(text, 0)
    while at < len(text):
        if text[at] == "[":
            at = yield from _array(text, at + 1)
        else:
            value, end = _DECODER.raw_decode(text, at)
            yield at, value
            at = end
        at = _after_gap(text, at)


def _array(text: str, at: int) -> Generator[tuple[int, Any], None, int]:
    at = _after_gap(text, at)
    if text.startswith("]", at):
        return at + 1
    while True:
        value, end = _DECODER.raw_decode(text, at)
        yield at, value
        at = _after_gap(text, end)
        if text.startswith("]", at):
            return at + 1
        if not text.startswith(",", at):
            raise JSONDecodeError("Expecting ',' or ']'", text, at)
        at = _after_gap(text, at + 1)


def _after_gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at
