"""Any event that a schema allows, for property tests."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from schemas.avro import Schema, schema_of
from schemas.catalogue import events
from schemas.plain import from_plain

INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
"""µs of the years 1 to 9999."""

_PRIMITIVES: Mapping[str, SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "long": INT64,
    "double": st.floats(),
    "string": st.text(),
    "bytes": st.binary(),
}


def data_of(schema: Schema) -> SearchStrategy[Any]:
    """Return a strategy for what the schema describes, as plain Python data."""
    if isinstance(schema, list):
        return st.one_of([data_of(member) for member in schema])
    if isinstance(schema, str):
        return _PRIMITIVES[schema]
    return _CONTAINERS.get(schema["type"], lambda outer: data_of(outer["type"]))(schema)


def _record(schema: Schema) -> SearchStrategy[Any]:
    return st.fixed_dictionaries({f["name"]: data_of(f["type"]) for f in schema["fields"]})


def _array(schema: Schema) -> SearchStrategy[Any]:
    return st.lists(data_of(schema["items"]), max_size=5)


def _map(schema: Schema) -> SearchStrategy[Any]:
    return st.dictionaries(st.text(), data_of(schema["values"]), max_size=5)


_CONTAINERS: Mapping[str, Callable[[Schema], SearchStrategy[Any]]] = {
    "record": _record,
    "array": _array,
    "map": _map,
}


def any_event() -> SearchStrategy[Any]:
    """Return a strategy for events of every declared class."""
    return st.one_of([_event_of(cls) for cls in events().values()])


def _event_of(cls: type) -> SearchStrategy[Any]:
    return data_of(schema_of(cls)).map(from_plain(cls))
