"""Other names in a replay: of Kafka topics, and of TCS events."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.kept import Kept, parts_of
from schemas import avro, framing
from schemas.errors import EvctlError
from schemas.events.tcs import TcsEvent
from schemas.topics import BY_NAME, OBSERVATORY, bare_name, topic

_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class NotARemap(EvctlError):
    """A renaming makes no sense."""

    exit_code = 2

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(
            f"--remap {text} {reason}: write OLD=NEW, two names of events (system.source.key) or a "
            "Kafka topic and a name of your own for it."
        )
        self.text = text


class Remap:
    """New names by old ones: `events` of TCS events, `topics` of Kafka topics (no namespace)."""

    def __init__(self, given: Sequence[str] = ()) -> None:
        self.events: dict[bytes, tuple[str, str, str]] = {}
        self.topics: dict[str, str] = {}
        for text in given:
            old, equals, new = text.partition("=")
            if not (old and equals and new):
                raise NotARemap(text, "names no two things")
            if old.count(".") >= 2:
                self._add_event(text, old, new)
            else:
                self._add_topic(text, topic(old).name, new)

    def _add_event(self, text: str, old: str, new: str) -> None:
        parts = new.split(".")
        if len(parts) != 3 or not all(parts) or old.count(".") != 2:
            raise NotARemap(text, "has a name that is not of three parts")
        self.events[old.encode()] = (parts[0], parts[1], parts[2])

    def _add_topic(self, text: str, old: str, new: str) -> None:
        if not _LEGAL.issuperset(new) or len(new) > 100:
            raise NotARemap(text, f"has {new!r}, which can't name a Kafka topic")
        if new in BY_NAME:
            raise NotARemap(text, f"has {new}, which is a topic of evctl's own")
        self.topics[old] = new

    def __bool__(self) -> bool:
        return bool(self.events or self.topics)


class Renaming:
    """Gives TCS events their new names; everything else goes on as it is, byte for byte."""

    def __init__(self, names: Mapping[bytes, tuple[str, str, str]], registry: Registry) -> None:
        self._names, self._decode = names, Decoder(registry).record
        self._encode = avro.writer(TcsEvent, framing.prefix(registry.register_event(TcsEvent)))

    def renamed(self, messages: list[Message]) -> list[Message]:
        """Return the messages, those that have a new name made anew: the id stays."""
        names = self._names
        return [self._made(m) if m.key() in names else m for m in messages]

    def _made(self, message: Message) -> Message:
        event = self._event(message)
        if event is None:
            return message
        system, source, key = self._names[message.key() or b""]
        event = replace(event, system=system, source=source, key=key)
        topic_, partition, offset, _, _, millis, headers = parts_of(message)
        key_, value = event.record_key.encode(), self._encode(event)
        return cast("Message", Kept((topic_, partition, offset, key_, value, millis, headers)))

    def _event(self, message: Message) -> TcsEvent | None:
        if bare_name(message.topic()) != OBSERVATORY.name:
            return None
        try:
            event: Any = self._decode(message).event
        except Undecodable:
            return None
        return event if isinstance(event, TcsEvent) else None
