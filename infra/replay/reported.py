"""What a replay carries in which services decide anew: what was reported, and no decisions.

Reported and decided are told apart by the schema's id, without decoding a record.
"""

from collections.abc import Callable, Iterator
from typing import Any

from infra.log.cluster import Cluster
from infra.log.decoding import SCHEMA_FAULTS
from infra.log.errors import UnknownSchema
from infra.log.reading import Message
from infra.replay.event_time import EventTimes
from infra.replay.feed import Feed
from infra.replay.ticks import Clockwork, Tick
from infra.windows import Window
from schemas.declare import DECIDED
from schemas.events.services import ServiceTookOver, SettingsTookEffect
from schemas.framing import HEADER_SIZE
from schemas.record import Position, from_headers


class Kinds:
    """Tells what event a message holds, from its schema's id alone.

    `schema_of` is `Registry.decoder`.
    """

    def __init__(self, schema_of: Callable[[int, Position], tuple[type | None, object]]) -> None:
        self._schema_of = schema_of
        self._known: dict[bytes, type | None] = {}

    def of(self, message: Message) -> type | None:
        """Return the event's class, None for a record that is not ours or can't be read."""
        prefix = (message.value() or b"")[:HEADER_SIZE]
        if prefix in self._known:
            return self._known[prefix]
        found = self._known[prefix] = self._look_up(prefix, message)
        return found

    def _look_up(self, prefix: bytes, message: Message) -> type | None:
        if len(prefix) < HEADER_SIZE or prefix[0] != 0:
            return None
        position = Position(message.topic(), message.partition(), message.offset())
        try:
            return self._schema_of(int.from_bytes(prefix[1:], "big"), position)[0]
        except (UnknownSchema, *SCHEMA_FAULTS):
            return None


class Reported:
    """Says which messages are carried, and counts the others.

    Not carried are decisions, what services say when they take over, and, without `settings`,
    their settings. Take-overs of workers are: readers tell by them which reports count.
    """

    def __init__(self, kinds: Kinds, services: frozenset[str], *, settings: bool) -> None:
        self._kinds, self._services, self._settings = kinds, services, settings
        self.left_out = 0

    def carries(self, message: Message) -> bool:
        """Whether a message is carried."""
        cls = self._kinds.of(message)
        if cls is ServiceTookOver or (cls is SettingsTookEffect and not self._settings):
            wanted = not self._is_of_service(message)
        else:
            wanted = getattr(cls, "ORIGIN", None) is not DECIDED
        self.left_out += not wanted
        return wanted

    def _is_of_service(self, message: Message) -> bool:
        position = Position(message.topic(), message.partition(), message.offset())
        source = from_headers(message.headers(), position).source
        return source.partition("/")[0] in self._services


class ReportedFeed(Feed):
    """A window's messages without those that are left out, and with ticks where it has none."""

    def __init__(
        self,
        cluster: Cluster,
        window: Window,
        times: EventTimes,
        stopped: Callable[[], bool],
        reported: Reported,
        clockwork: Clockwork | None,
        **bounds: Any,
    ) -> None:
        super().__init__(cluster, window, times, stopped, **bounds)
        self._reported = reported
        if clockwork is not None:
            self._is_merged = True
            self._order = self._counting(clockwork.woven(self._order))

    def _counting(self, woven: Iterator[tuple[int, Message]]) -> Iterator[tuple[int, Message]]:
        """Yield all, and count ticks as wanted: they were not read."""
        for due in woven:
            self._wanted += isinstance(due[1], Tick)
            yield due

    def _taken(self, most: int, timeout: float) -> list[Message]:
        return [*filter(self._reported.carries, super()._taken(most, timeout))]
