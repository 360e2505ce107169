"""The envelope around a record's fields in JSON, as `evctl tail --json` writes it."""

from typing import Any

_IDENTITY = {"id", "source", "seq", "key", "time", "cause", "epoch", "replay", "standing"}
_POSITION = {"topic", "partition", "offset"}
KEYS = frozenset({"event", "data"} | _IDENTITY | _POSITION)


def opened(value: Any) -> tuple[object, Any]:
    """Return the name of the event and its fields; of bare fields, `None` and these.

    The rest of an envelope is not used: a record published anew gets an identity of its own.
    """
    if isinstance(value, dict) and "event" in value and "data" in value and value.keys() <= KEYS:
        return value["event"], value["data"]
    return None, value
