"""What a replay carries in which services decide anew: what was reported, and no decisions.

Reported and decided are told apart by the schema's id, without decoding a record.
"""

from collections.abc import Callable, Iterator
from typing import Any

from infra.log.cluster import Cluster
from infra.log.reading import Message
from infra.replay.closed import LockStep
from infra.replay.event_time import EventTimes
from infra.replay.feed import BATCH, Feed
from infra.replay.kinds import Kinds
from infra.replay.saying import Saying
from infra.replay.ticks import Clockwork
from infra.windows import Window
from schemas.declare import DECIDED
from schemas.events.services import ServiceTookOver, SettingsTookEffect
from schemas.record import Position, from_headers


class Reported:
    """Says which messages are carried, and counts the others.

    Not carried are decisions, what services say when they take over, and, without `settings`,
    their settings. Take-overs of workers are: readers tell by them which reports count. With
    `played`, nor are the reports that a stand-in makes anew.
    """

    def __init__(
        self,
        kinds: Kinds,
        services: frozenset[str],
        *,
        settings: bool,
        played: frozenset[type] = frozenset(),
    ) -> None:
        self._kinds, self._services, self._settings = kinds, services, settings
        self._played = played
        self.left_out = 0

    def carries(self, message: Message) -> bool:
        """Whether a message is carried."""
        cls = self._kinds.of(message)
        if cls is ServiceTookOver or (cls is SettingsTookEffect and not self._settings):
            wanted = not self._is_of_service(message)
        else:
            wanted = getattr(cls, "ORIGIN", None) is not DECIDED and cls not in self._played
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
        lock_step: LockStep | None = None,
        **bounds: Any,
    ) -> None:
        super().__init__(cluster, window, times, stopped, **bounds)
        self._reported, self._lock_step = reported, lock_step
        if clockwork is not None:
            self._order = clockwork.woven(self._order)
        if lock_step is not None:
            self._order = lock_step.woven(self._order)
        if clockwork is not None or lock_step is not None:
            self._is_merged = True
            self._order = self._counting(self._order)

    def batches(self) -> Iterator[list[Message]]:
        """Yield all messages as `Feed` does; in lock-step, each batch ends with a heartbeat."""
        if self._lock_step is None:
            yield from super().batches()
            return
        batch = []
        for _, message in self.timed(BATCH):
            batch.append(message)
            if self._lock_step.is_heartbeat(message) or len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _counting(self, woven: Iterator[tuple[int, Message]]) -> Iterator[tuple[int, Message]]:
        """Yield all, and count what was not read as wanted: ticks, and the telescope's answers."""
        for due in woven:
            self._wanted += isinstance(due[1], Saying)
            yield due

    def _taken(self, most: int, timeout: float) -> list[Message]:
        return [*filter(self._reported.carries, super()._taken(most, timeout))]
