"""Input to events of ours."""

from collections.abc import Callable, Mapping
from typing import Any

import fastavro
from fastavro.validation import validate

from infra.publishing.arguments import completed, data_of
from infra.publishing.envelope import opened
from infra.publishing.errors import EventNotNamed, MockedTick, NotOfTopic
from infra.publishing.records import AvroItem, Encoded, Item, JsonItem, WordsItem
from schemas import avro, catalogue, utc
from schemas.avro import Schema
from schemas.declare import AVRO_NAMESPACE, time_field
from schemas.events.ticks import TimePassed
from schemas.fitting import dated, event_from, fit, instants_of
from schemas.plain import from_plain, to_plain
from schemas.topics import Topic


class EventEncoder:
    """Encodes records of a topic of our events.

    `event` is the class of records that do not name theirs; `now` gives µs UTC to typed ones.
    Ticks may carry a mocked time only where that is `mocked`.
    """

    def __init__(
        self, topic: Topic, event: str | None, now: Callable[[], int], *, mocked: bool = False
    ) -> None:
        self._topic, self._now, self._mocked = topic, now, mocked
        names = topic.events
        self.kinds: list[type | Schema] = [catalogue.event_class(name) for name in names]
        self._by_name = {
            name: _Kind(i, catalogue.event_class(name)) for i, name in enumerate(names)
        }
        self._default = event or (names[0] if len(names) == 1 else None)
        if event is not None:
            self._kind(event)

    def encode(self, item: Item) -> Encoded:
        """Return the record; raise `DoesNotFit`, `NotOfTopic`, `EventNotNamed`, `NotAvro`.

        And `MockedTick`.
        """
        kind, event = self._event(item)
        if isinstance(event, TimePassed) and event.mocked is not None and not self._mocked:
            raise MockedTick(event.mocked)
        return kind.encode(event)

    def _event(self, item: Item) -> tuple["_Kind", Any]:
        match item:
            case JsonItem():
                name, data = opened(item.value)
                kind = self._kind(name)
                if item.typed and isinstance(data, dict):
                    data = completed(data, kind.schema, self._now())
                return kind, kind.event(data)
            case WordsItem():
                kind = self._kind(None)
                data = data_of(item.words, kind.schema)
                return kind, kind.event(completed(data, kind.schema, self._now()))
            case AvroItem():
                kind = self._of_container(item.schema)
                return kind, avro.reader(item.schema, kind.cls)(item.data, 0)
            case _:
                raise NotOfTopic(self._topic, "a record without its schema (Confluent wire format)")

    def _kind(self, name: object) -> "_Kind":
        name = self._default if name is None else name
        if name is None:
            raise EventNotNamed(self._topic)
        if not isinstance(name, str) or name not in self._by_name:
            raise NotOfTopic(self._topic, repr(name))
        return self._by_name[name]

    def _of_container(self, schema: Schema) -> "_Kind":
        namespace, _, name = avro.full_name(schema).rpartition(".")
        if namespace != AVRO_NAMESPACE or name not in self._by_name:
            raise NotOfTopic(self._topic, avro.full_name(schema))
        return self._by_name[name]


class _Kind:
    """How the events of one class are made and written."""

    def __init__(self, number: int, cls: type) -> None:
        self.cls, self.schema = cls, avro.schema_of(cls)
        self._number = number
        self._parsed = fastavro.parse_schema(avro.physical(self.schema))
        self._write, self._build = avro.writer(cls), from_plain(cls)
        self._time = time_field(cls)
        self._fields = tuple(field["name"] for field in self.schema["fields"])
        self._instants = instants_of(self.schema)

    def event(self, data: Any) -> Any:
        """Return the event that the data describe; raise `DoesNotFit`.

        fastavro's check is quick but says nothing; ours takes 5 times as long, and explains.
        """
        if isinstance(data, dict) and len(data) == len(self._fields):
            plain = self._without_text(data)
            if validate(plain, self._parsed, "", False, True) and _in_64_bits(plain):
                return self._build(plain)
        return event_from(self.cls, data)

    def _without_text(self, data: Mapping[str, Any]) -> dict[str, Any]:
        plain = dict(data)
        for name in self._instants:
            value = plain.get(name)
            if isinstance(value, str):
                try:
                    plain[name] = utc.parse(value)
                except utc.NotATime:
                    break
        return plain

    def encode(self, event: Any) -> Encoded:
        """Return the event as a record; raise `DoesNotFit` where no calendar has its times."""
        dated(event, self._instants)
        try:
            data = self._write(event)
        except UnicodeEncodeError:
            fit(self.schema, to_plain(self.cls)(event))  # says where
            raise
        return Encoded(self._number, event.record_key, getattr(event, self._time) // 1000, data)


def _in_64_bits(value: Any) -> bool:
    """Tell whether no whole number is too long: fastavro would make it a double, and change it."""
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    if type(value) is dict:
        return all(map(_in_64_bits, value.values()))
    return type(value) is not list or all(map(_in_64_bits, value))
