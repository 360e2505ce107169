"""JSON to Avro of a foreign schema."""

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

import fastavro

from schemas import avro
from schemas.avro import Schema
from schemas.fitting import DoesNotFit, fit


class JsonWriter:
    """Writes JSON values as Avro of a schema; bytes are base64 in JSON."""

    def __init__(self, schema: Schema) -> None:
        self._names: dict[str, Schema] = {}
        self._schema = fastavro.parse_schema(schema, named_schemas=self._names)
        self._physical = fastavro.parse_schema(avro.physical(schema))

    def write(self, data: Any) -> tuple[bytes, Mapping[str, Any]]:
        """Return the Avro bytes and the fields written; raise `DoesNotFit`."""
        fields = fit(self._schema, self._with_bytes(self._schema, data), "", dict(self._names))
        buffer = io.BytesIO()
        try:
            fastavro.schemaless_writer(buffer, self._physical, fields, strict=True)
        except (ValueError, TypeError, OverflowError) as fault:
            raise DoesNotFit("", data, f"{avro.full_name(self._schema)} ({fault})") from fault
        return buffer.getvalue(), fields

    def _with_bytes(self, schema: Schema, value: Any) -> Any:
        """Return the value with base64 decoded wherever the schema wants bytes."""
        schema = self._names.get(schema, schema) if isinstance(schema, str) else schema
        match schema, value:
            case list(), _:
                value = self._in_union(schema, value)
            case (("bytes" | {"type": "bytes" | "fixed"}), str()):
                value = _decoded(value)
            case {"type": "array", "items": inner}, list():
                value = [self._with_bytes(inner, item) for item in value]
            case {"type": "map", "values": inner}, dict():
                value = {name: self._with_bytes(inner, item) for name, item in value.items()}
            case {"type": "record", "fields": fields}, dict():
                types = {field["name"]: field["type"] for field in fields}
                value = {n: self._with_bytes(types.get(n, "null"), v) for n, v in value.items()}
        return value

    def _in_union(self, members: Schema, value: Any) -> Any:
        if isinstance(value, str) and "string" in members:
            return value
        for member in members:
            found = self._with_bytes(member, value)
            if found != value:
                return found
        return value


def _decoded(text: str) -> bytes | str:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return text
