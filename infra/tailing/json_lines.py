"""Records as JSON Lines, which `evctl publish` takes back."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from infra.tailing.shown import Shown, Unreadable, event_name
from schemas import avro, utc
from schemas.events.packets import Packet
from schemas.fitting import instants_of
from schemas.plain import to_plain
from schemas.record import AnyRecord


def line(shown: Shown, topic: str) -> str:
    """Return a record as one line; `topic` is its name without namespace.

    Bytes are base64. NaN and ±Infinity are bare words, as Python's json writes them, since JSON
    has no way to keep them.
    """
    data = _unreadable(shown) if isinstance(shown, Unreadable) else _envelope(shown)
    return _ENCODER.encode({"topic": topic, **data})


def _unreadable(shown: Unreadable) -> dict[str, Any]:
    _, partition, offset = shown.position
    return {"partition": partition, "offset": offset, "error": shown.reason}


def _envelope(record: AnyRecord) -> dict[str, Any]:
    _, partition, offset = record.position
    said = record.provenance
    optional = {
        "cause": None if said.cause is None else str(said.cause),
        "epoch": said.epoch,
        "replay": said.replay,
        "standing": said.standing or None,
    }
    return {
        "partition": partition,
        "offset": offset,
        "event": event_name(record),
        "id": str(record.id),
        "source": said.source,
        "seq": said.seq,
        "key": record.key,
        "time": instant(record.time),
        **{name: value for name, value in optional.items() if value is not None},
        "data": event_fields(record.event),
    }


def event_fields(event: Any) -> Mapping[str, Any]:
    """Return the fields of an event by name, instants as text; of a packet, as they are."""
    if isinstance(event, Packet):
        return event.fields
    found = to_plain(event.__class__)(event)
    for name in _instants(event.__class__):
        if found[name] is not None:
            found[name] = instant(found[name])
    return found


@cache
def _instants(cls: type) -> frozenset[str]:
    return frozenset(instants_of(avro.schema_of(cls)))


def instant(micros: int) -> str | int:
    """Return an instant as ISO text; beyond the years 1 to 9999, as µs."""
    text = utc.iso(micros)
    return text if text.endswith("Z") else micros


def _bytes(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no value of Avro")


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_bytes)
