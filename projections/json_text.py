"""The canonical JSON of stored values: one text for each value, on every database.

Names are sorted, nothing is indented, whole numbers are exact and doubles have the fewest digits
that give them back. JSON has no NaN or infinity: they are the objects `{"double":"NaN"}`,
`{"double":"Infinity"}` and `{"double":"-Infinity"}`, which no value of an event can be taken for,
since those are scalars and flat arrays.
"""

import math
from typing import Any

import orjson

_EMPTY: dict[str, Any] = {}
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def json_text(value: Any, dumps: Any = orjson.dumps, option: int = orjson.OPT_SORT_KEYS) -> str:
    """Return the canonical JSON of scalars, and of arrays and maps of them.

    Raises `TypeError` for other types, and for whole numbers beyond 64 bits.
    """
    if value == _EMPTY:  # of nearly every event's original texts
        return "{}"
    text: bytes = dumps(value, None, option)
    if b"null" in text:  # orjson's only word for NaN and infinity, but also that of None
        text = dumps(_marked(value), None, option)
    return text.decode()


def _marked(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"double": _NOT_FINITE[repr(value)]}
    if isinstance(value, dict):
        return {name: _marked(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(member) for member in value]
    return value
