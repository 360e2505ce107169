"""The members of a TCS event as recordings hold them: six reserved names, and the values."""

from typing import Any

from producers import unix_seconds
from producers.conversion import BOOLEANS, render
from producers.errors import MISSING, Unfit
from schemas.events.tcs import TcsEvent

SYSTEM, SOURCE, KEY = "__system", "__source", "__key"
DATA_TIME, WIRE_TIME, DATA = "__data_time", "__wire_time", "__data"
RESERVED = (SYSTEM, SOURCE, KEY, DATA_TIME, WIRE_TIME, DATA)
RESERVED_TEXT = f"each event has {', '.join(RESERVED)}"

_TEXT = "text"
_BOOLEAN = "true or false"


def take_reserved(members: dict[str, Any], values: Any, original: dict[str, str]) -> TcsEvent:
    """Return the event of these reserved members, which are taken away from `members`.

    `values` may be `members` itself, and so may be filled later. Spellings that rendering would
    not give back are put into `original`. Raises `Unfit`.
    """
    take = members.pop
    try:
        system, source, key = take(SYSTEM), take(SOURCE), take(KEY)
        data_time, data_text = unix_seconds.parse(DATA_TIME, take(DATA_TIME))
        wire_time, wire_text = unix_seconds.parse(WIRE_TIME, take(WIRE_TIME))
        more_data = take(DATA)
    except KeyError as missing:
        name = missing.args[0]
        raise Unfit(name, MISSING, RESERVED_TEXT) from None
    if not (type(system) is type(source) is type(key) is str):
        raise Unfit("__system, __source, __key", (system, source, key), _TEXT)
    if more_data == "false":  # as nearly every recorded one
        more_data = False
    elif type(more_data) is not bool:
        more_data = _boolean(more_data, original)
    if data_text is not None:
        original[DATA_TIME] = data_text
    if wire_text is not None:
        original[WIRE_TIME] = wire_text
    return TcsEvent(data_time, wire_time, system, source, key, more_data, values, original)


def _boolean(found: object, original: dict[str, str]) -> bool:
    value = BOOLEANS.get(found.lower()) if isinstance(found, str) else None
    if value is None:
        raise Unfit(DATA, found, _BOOLEAN)
    if found not in BOOLEANS:
        original[DATA] = str(found)
    return value


def members_of(event: TcsEvent, original: dict[str, str]) -> dict[str, Any]:
    """Return an event as an object: the reserved members, and the values flat beside them.

    The spellings that these give back are taken away from `original`.
    """
    return {
        SYSTEM: event.system,
        SOURCE: event.source,
        KEY: event.key,
        DATA_TIME: time_text(DATA_TIME, event.data_time, original),
        WIRE_TIME: time_text(WIRE_TIME, event.wire_time, original),
        DATA: data_text(event.more_data, original) if DATA in original else event.more_data,
        **event.values,
    }


def time_text(name: str, micros: int, original: dict[str, str]) -> str:
    """Return the text of a time; its recorded spelling, where that says the same, is taken away."""
    if name in original:
        text = original[name]
        try:
            if unix_seconds.parse(name, text) == (micros, text):
                return original.pop(name)
        except Unfit:
            pass  # a text that is no instant was not this one's spelling
    return unix_seconds.render(micros)


def data_text(more_data: bool, original: dict[str, str]) -> str:
    """Return the text of `__data`, likewise."""
    text = original.get(DATA)
    if text is not None and text not in BOOLEANS and BOOLEANS.get(text.lower()) is more_data:
        return original.pop(DATA)
    return render(more_data)
