"""Events that a replay begins or ends at, found by name and by what they say."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.cue import Cue, cue_of
from infra.tailing.json_lines import event_fields
from infra.tailing.shown import event_name
from schemas.errors import EvctlError


class NotAnEvent(EvctlError):
    """The text names no event."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} names no event: give a name or key, and then FIELD=VALUE words in the same "
            "quotes, such as 'ocd.run_shot.run shotid=0042'."
        )
        self.text = text


class NoSuchEvent(EvctlError):
    """Nothing in the window is the event asked for."""

    exit_code = 66

    def __init__(self, wanted: str, windows: Sequence[str]) -> None:
        super().__init__(f"There is no event {wanted} in {', '.join(windows)}.")
        self.wanted = wanted


class WantedEvent:
    """An event by its key or its class's name, and values of its fields as text."""

    def __init__(self, text: str, registry: Registry) -> None:
        try:
            name, *conditions = shlex.split(text)
            self._values = dict(condition.split("=", 1) for condition in conditions)
        except ValueError:
            raise NotAnEvent(text) from None
        self.text, self._name = text, name
        self._key = name.encode()
        self._record = Decoder(registry).record

    def first(self, messages: Iterable[tuple[int, Message]]) -> Cue | None:
        """Return where the first such event is, of messages with their merge times."""
        for time, message in messages:
            if self._is(message):
                return cue_of(time, message)
        return None

    def _is(self, message: Message) -> bool:
        by_key = message.key() == self._key
        if not by_key and "." in self._name:
            return False  # no class is named so, and decoding would cost
        try:
            record = self._record(message)
        except Undecodable:
            return by_key and not self._values
        if not by_key and event_name(record) != self._name:
            return False
        return all(_said(record.event, name) == value for name, value in self._values.items())


def _said(event: Any, name: str) -> str | None:
    """Return a value of an event as people write it; of a TCS event also what its payload has."""
    fields = event_fields(event)
    inner = fields.get("values")
    value = fields.get(name)
    if isinstance(inner, Mapping) and name in inner:
        value = inner[name]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
