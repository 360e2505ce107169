"""From what was asked for to what is played: parts found, read if need be, and cut."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from infra.log.cluster import Cluster
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.mocking import overruled
from infra.replay.cue import Cue
from infra.replay.event_time import EventTimes
from infra.replay.feed import Sieve
from infra.replay.finding import NoSuchEvent, WantedEvent
from infra.replay.holes import require_whole
from infra.replay.namespace import claim, seen_by
from infra.replay.parts import Opener, Part
from infra.replay.recording import SortBy, Taping
from infra.replay.remapping import Remap, Renaming
from infra.replay.request import Request
from infra.replay.selection import Selection
from infra.replay.tape import Tape
from infra.sealing import standings
from infra.settings import Settings
from infra.signals import Stop
from infra.windows import Window
from producers import Recording

Bar = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows that something takes its time: see `infra.cli.progress`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which part of the log, or which recordings, are to be played, and what of them.

    `sort` is none where nothing was said: a recording goes by wire time then, the log by itself.
    `start` and `end` name events that it begins with, and ends before.
    """

    selection: Selection
    recordings: Sequence[Recording] = ()
    sort: SortBy | None = None
    remap: Remap = field(default_factory=Remap)
    start: str | None = None
    end: str | None = None
    allow_holes: bool = False


class Preparing:
    """Turns a wish into parts to be played."""

    def __init__(self, cluster: Cluster, site: Settings, stop: Stop, bar: Bar) -> None:
        self._cluster, self._site, self._stop, self._bar = cluster, site, stop, bar
        self._registry = Registry(cluster)
        self._times = EventTimes(self._registry.decoder)

    def request(self, wish: Wish, how: Request) -> Request:
        """Return what is played for a wish; raises whatever says why nothing is."""
        claim(self._cluster, how.replay)  # before anything takes its time
        request = replace(how, sieve=self._sieve(wish), names=wish.remap.topics)
        if wish.recordings:
            request = replace(request, windows=self._tapes(wish, request.sieve))
        else:
            request = self._windows(wish, request)
        return self._until_event(wish, self._from_event(wish, request))

    def notes(self, wish: Wish, request: Request) -> Iterator[str]:
        """Yield what has to be said of a replay before it begins."""
        for part in request.windows:
            if isinstance(part, Tape) and part.reordered and not wish.recordings:
                yield (
                    f"{part.name} is not in the log's order, but by {wish.sort}: tables made from "
                    "this replay may differ from others"
                )
        if wish.remap:
            yield "records under other names make other tables"
        if (mock_time := self._site.dates.mock_time) is not None:
            yield overruled(seen_by(self._cluster, request.replay).namespace, mock_time)

    def ends(self, request: Request) -> Sequence[int]:
        """Return about when each part ends (event time, µs UTC), for a look ahead."""
        opener = self._opener(request.sieve)
        ends = [opener.last_time(part) for part in request.windows]
        if request.end is not None:
            ends[-1] = min(ends[-1], request.end.time)
        return ends

    def _opener(self, sieve: Sieve | None) -> Opener:
        return Opener(self._cluster, self._times, lambda: self._stop.requested, sieve)

    def _end_if_asked(self) -> None:
        """End the command after Ctrl+C: there is nothing yet that could be said of a replay."""
        if self._stop.requested:
            raise SystemExit(self._stop.exit_code)

    def _sieve(self, wish: Wish) -> Sieve | None:
        choice = wish.selection.choice
        steps: list[Sieve] = [choice.chosen] if choice else []
        if wish.remap.events:
            steps.append(Renaming(wish.remap.events, self._registry).renamed)
        if not steps:
            return None

        def sieve(messages: list[Message]) -> list[Message]:
            for step in steps:
                messages = step(messages)
            return messages

        return sieve

    def _tapes(self, wish: Wish, sieve: Sieve | None) -> list[Part]:
        bounds = wish.selection.start, wish.selection.end
        sort = SortBy.WIRE_TIME if wish.sort is None else wish.sort
        found: list[Part] = []
        for recording in wish.recordings:
            with self._bar(f"reading {recording.path.name}", recording.count()) as advance:

                def step(events: int, advance: Callable[[int], None] = advance) -> None:
                    advance(events)
                    self._end_if_asked()

                taping = Taping(recording, self._registry, self._cluster.namespace, sort)
                found.append(taping.tape(bounds, sieve or list, step))
        return found

    def _windows(self, wish: Wish, request: Request) -> Request:
        windows, nights = wish.selection.windows(self._cluster, self._site)
        windows, holes = require_whole(self._cluster, windows, allow=wish.allow_holes)
        parts: Sequence[Part] = windows
        if wish.sort is not None and wish.sort is not SortBy.NONE:
            opener = self._opener(request.sieve)
            parts = [self._sorted(window, opener, wish.sort) for window in windows]
        return replace(request, windows=parts, nights=nights, holes=holes)

    def _sorted(self, window: Window, opener: Opener, sort: SortBy) -> Tape:
        tape = opener.sorted(window, self._registry, sort)
        sieve: Sieve = opener.sieve or list
        tape.earlier = lambda: sieve(standings.before(self._cluster, self._registry, window))
        return tape

    def _from_event(self, wish: Wish, request: Request) -> Request:
        if wish.start is None:
            return request
        index, begin = self._find(wish.start, request)
        return replace(request, windows=request.windows[index:], begin=begin)

    def _until_event(self, wish: Wish, request: Request) -> Request:
        if wish.end is None:
            return request
        index, end = self._find(wish.end, request, behind_first=True)
        return replace(request, windows=request.windows[: index + 1], end=end)

    def _find(self, text: str, request: Request, *, behind_first: bool = False) -> tuple[int, Cue]:
        """Return the number of the part with the first such event, and where that is.

        An event that it ends before is not the very first record.
        """
        wanted = WantedEvent(text, self._registry)
        opener = self._opener(request.sieve)
        for index, part in enumerate(request.windows):
            feed = opener.open(part, request.begin if index == 0 else None)
            try:
                messages = feed.timed()
                if behind_first and index == 0:
                    next(messages, None)
                found = wanted.first(messages)
            finally:
                feed.close()
            self._end_if_asked()
            if found is not None:
                return index, found
        raise NoSuchEvent(text, [part.name for part in request.windows])
