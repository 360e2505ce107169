"""Records typed on the command line: JSON objects, or one record as FIELD=VALUE words."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.publishing.errors import NotTyped, RecordRefused
from infra.publishing.json_input import loads
from infra.publishing.records import Item, JsonItem, WordsItem
from schemas.avro import Schema
from schemas.fitting import DoesNotFit

_TIMES_OF_NOW = ("wire_time",)
"""What is now unless it is said, beside the event time."""


def from_words(words: Sequence[str]) -> Iterator[Item]:
    """Yield the records that the words are; raise `NotTyped`, `RecordRefused`."""
    fields = [word for word in words if not word.lstrip().startswith(("{", "["))]
    if fields:
        for word in words:
            if "=" not in word or word not in fields:
                raise NotTyped(word, "is no FIELD=VALUE" if word in fields else "is no word")
        names: set[str] = set()
        for word in fields:
            name = word.partition("=")[0]
            if name in names:
                raise NotTyped(word, f"gives {name} a second time")
            names.add(name)
        yield WordsItem("arguments", tuple(fields))
        return
    for number, word in enumerate(words, 1):
        try:
            value = loads(os.fsencode(word))
        except ValueError as fault:
            raise RecordRefused(f"argument {number}", f"not JSON: {fault}") from fault
        for item in value if isinstance(value, list) else [value]:
            yield JsonItem(f"argument {number}", item, typed=True)


def data_of(words: Sequence[str], schema: Schema) -> dict[str, Any]:
    """Return the record that FIELD=VALUE words describe: VALUE is JSON if it parses, else text.

    `values.ra=10.5` puts `ra` into the map `values`. Where the schema has text or an instant, VALUE
    is taken as it stands. Raises `DoesNotFit` where words contradict each other.
    """
    types = {field["name"]: field["type"] for field in schema["fields"]}
    data: dict[str, Any] = {}
    for word in words:
        path, _, text = word.partition("=")
        name, dot, inner = path.partition(".")
        kind = types.get(name)
        if dot and isinstance(kind, dict) and kind["type"] == "map":
            held = data.setdefault(name, {})
            if not isinstance(held, dict):
                raise DoesNotFit(name, held, f"an object, into which {path} could go")
            held[inner] = _value(text, kind["values"])
        else:
            data[path] = _value(text, kind)
    return data


def _value(text: str, kind: Schema) -> Any:
    try:
        value = loads(os.fsencode(text))
    except ValueError:
        return text
    if kind == "string":
        return value if isinstance(value, str) else text
    if isinstance(kind, dict) and "logicalType" in kind:
        return value if isinstance(value, int) else text  # 2458076.25 is a Julian date
    return value


def completed(data: Mapping[str, Any], schema: Schema, now: int) -> dict[str, Any]:
    """Return what was typed with its event time, and its maps and arrays, where they were left out.

    `now` is in µs UTC.
    """
    first = schema["fields"][0]["name"]
    filled = dict(data)
    for field in schema["fields"]:
        name, kind = field["name"], field["type"]
        if name in filled:
            continue
        if name in {first, *_TIMES_OF_NOW}:
            filled[name] = now
        elif isinstance(kind, dict) and kind["type"] in {"map", "array"}:
            filled[name] = {} if kind["type"] == "map" else []
    return filled
