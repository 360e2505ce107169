"""Records as people read them, one a line."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.tailing.json_lines import event_fields, instant
from infra.tailing.shown import Shown, Unreadable, event_name
from schemas.events.packets import Packet
from schemas.record import AnyRecord

_ITEMS = 4
"""Items of an array that are shown."""


def parts(shown: Shown) -> Iterator[tuple[str, str]]:
    """Yield the parts of a record's line, each with what it is, for colours."""
    yield "time", str(instant(shown.time)).replace("T", " ")
    yield "position", str(shown.position)
    if isinstance(shown, Unreadable):
        yield "error", f"unreadable: {_printable(shown.reason)}"
        return
    yield "event", _text(event_name(shown))
    if shown.key is not None:
        yield "key", _text(shown.key)
    if shown.provenance.replay is not None:
        yield "replay", f"replay={_text(shown.provenance.replay)}"
    if shown.standing:
        yield "replay", "standing"
    for name, value in _values(shown):
        yield "value", f"{_text(name)}={said(value)}"


def line(shown: Shown) -> str:
    """Return the whole line, without colours."""
    return "  ".join(text for _, text in parts(shown))


def _values(record: AnyRecord) -> Iterator[tuple[str, Any]]:
    """Yield the event's values: what its maps hold first, then what key and time do not say.

    What may be left out, and is, is not shown.
    """
    event = record.event
    fields = event_fields(event)
    if isinstance(event, Packet):
        yield from fields.items()
        return
    said_by_key = set((record.key or "").split("."))
    for value in fields.values():
        if isinstance(value, Mapping):
            yield from value.items()
    left_out = {field.name for field in dataclasses.fields(event) if field.default is None}
    for name, value in list(fields.items())[1:]:
        if isinstance(value, Mapping) or (value is None and name in left_out):
            continue
        if not (isinstance(value, str) and value in said_by_key):
            yield name, value


def said(value: Any) -> str:
    """Return a value in few characters: numbers as they are, long things by their size."""
    text = str(value)
    match value:
        case None | bool():
            text = json.dumps(value)
        case float():
            text = f"{value:.12g}" if math.isfinite(value) else json.dumps(value)
        case str():
            text = _text(value)
        case bytes():
            text = f"<{len(value):,} bytes>"
        case Mapping():
            text = f"{{{len(value)} fields}}"
        case Sequence():
            text = _array(value)
    return text


def _array(items: Sequence[Any]) -> str:
    shown = ", ".join(said(item) for item in items[:_ITEMS])
    more = len(items) - _ITEMS
    return f"[{shown}, … {more} more]" if more > 0 else f"[{shown}]"


def _text(text: str) -> str:
    """Return text as it is, or quoted where blanks or control characters would mislead."""
    if text and text.isprintable() and " " not in text:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _printable(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
