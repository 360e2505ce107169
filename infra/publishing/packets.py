"""Input to records in foreign schemas, such as alert packets."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastavro.repository import SchemaRepositoryError
from fastavro.schema import SchemaParseException, UnknownType, load_schema, parse_schema

from infra.publishing.arguments import data_of
from infra.publishing.envelope import opened
from infra.publishing.errors import NoKeyField, NotOfTopic, SchemaNeeded, SchemaUnusable
from infra.publishing.json_writer import JsonWriter
from infra.publishing.records import AvroItem, Encoded, FramedItem, Item, JsonItem, WordsItem
from schemas import avro
from schemas.avro import Schema
from schemas.declare import AVRO_NAMESPACE
from schemas.fitting import DoesNotFit
from schemas.topics import Topic

_NO_SCHEMA = (SchemaParseException, UnknownType, ValueError, TypeError, KeyError)


def load(file: Path) -> Schema:
    """Return the record schema in an .avsc file; types it only names are sought in files beside it.

    Raises `SchemaUnusable`.
    """
    try:
        schema = json.loads(file.read_bytes())
        try:
            parse_schema(schema)
        except UnknownType:
            schema = load_schema(str(file))
    except OSError as fault:
        raise SchemaUnusable(str(file), fault.strerror or str(fault)) from fault
    except (*_NO_SCHEMA, SchemaRepositoryError) as fault:
        raise SchemaUnusable(str(file), f"{type(fault).__name__}: {fault}") from fault
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise SchemaUnusable(str(file), "it is not the schema of a record")
    return {key: value for key, value in schema.items() if not key.startswith("__")}


class PacketEncoder:
    """Encodes records of a topic of foreign schemas.

    `schema` is for input that does not carry its own; `key` names the field (dotted) that becomes
    the record's key; the records' time is that of `now`, in µs UTC.
    """

    def __init__(
        self, topic: Topic, schema: Schema | None, key: str | None, now: Callable[[], int]
    ) -> None:
        self._topic, self._given, self._now = topic, schema, now
        self._key = key.split(".") if key else None
        self.kinds: list[type | Schema] = []
        self._numbers: dict[str, int] = {}
        self._last, self._last_number = None, -1
        self._writer = None if schema is None else JsonWriter(schema)

    def encode(self, item: Item) -> Encoded:
        """Return the record.

        Raises `DoesNotFit`, `NoKeyField`, `NotAvro`, `NotOfTopic`, `SchemaNeeded`.
        """
        match item:
            case AvroItem():
                return self._encoded(item.schema, item.data, item.fields)
            case FramedItem():
                schema = self._schema(
                    f"it was written with schema {item.schema_id} of a registry (Confluent wire "
                    "format), and that schema is not in the input"
                )
                return self._encoded(schema, item.data, avro.reader(schema, None)(item.data, 0))
            case WordsItem():
                schema = self._schema("FIELD=VALUE words say nothing of types")
                return self._from_json(data_of(item.words, schema))
            case JsonItem():
                return self._from_json(self._unwrapped(item.value))

    def _schema(self, lacking: str) -> Schema:
        if self._given is None:
            raise SchemaNeeded(lacking)
        return self._given

    def _unwrapped(self, value: Any) -> Any:
        schema = self._schema("JSON says nothing of types")
        name, data = opened(value)
        if name is None:
            return data
        if name != avro.full_name(schema):
            raise DoesNotFit("event", name, avro.full_name(schema))
        return data

    def _from_json(self, data: Any) -> Encoded:
        if self._writer is None:
            raise SchemaNeeded("JSON says nothing of types")
        return self._encoded(self._given, *self._writer.write(data))

    def _encoded(self, schema: Schema, data: bytes, fields: Mapping[str, Any]) -> Encoded:
        if avro.full_name(schema).startswith(f"{AVRO_NAMESPACE}."):
            raise NotOfTopic(self._topic, f"{avro.full_name(schema)}, which is one of our events")
        number = self._number(schema)
        return Encoded(number, self._key_of(fields), self._now() // 1000, data)

    def _number(self, schema: Schema) -> int:
        if schema is not self._last:
            self._last, text = schema, json.dumps(schema, sort_keys=True)
            if text not in self._numbers:
                self._numbers[text] = len(self.kinds)
                self.kinds.append(schema)
            self._last_number = self._numbers[text]
        return self._last_number

    def _key_of(self, fields: Mapping[str, Any]) -> str | None:
        if self._key is None:
            return None
        value: Any = fields
        for name in self._key:
            if value is None:
                break
            if not isinstance(value, Mapping) or name not in value:
                raise NoKeyField(".".join(self._key), fields)
            value = value[name]
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise DoesNotFit(".".join(self._key), value, "text or a whole number to be the key")
        return str(value)
