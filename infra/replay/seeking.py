"""Where a replay may go on: any event time of its parts, and none outside of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.log.reading import Message
from infra.replay.cue import Cue
from infra.replay.parts import AnyFeed, Opener
from infra.replay.request import Request
from schemas import utc
from schemas.errors import EvctlError


class SeekOutside(EvctlError):
    """A replay was asked to go where it has nothing to play."""

    exit_code = 66

    def __init__(self, time: int, parts: Sequence[str]) -> None:
        super().__init__(
            f"{utc.iso(time)} is outside of what is played: {', '.join(parts)} "
            f"{'has' if len(parts) == 1 else 'have'} nothing there or later."
        )
        self.time = time


class InLockStep(EvctlError):
    """A replay in a closed loop was asked to go elsewhere."""

    exit_code = 66

    def __init__(self) -> None:
        super().__init__(
            "A replay in a closed loop goes on from heartbeat to heartbeat, and nothing is sought "
            "in it: what the telescope is busy with would be of another time."
        )


class NotAhead(EvctlError):
    """A replay was asked to play until a time that it has passed."""

    exit_code = 66

    def __init__(self, time: int, position: int) -> None:
        super().__init__(
            f"{utc.iso(time)} is not ahead: the replay is at {utc.iso(position)}. Seek back first."
        )
        self.time, self.position = time, position

    @classmethod
    def refuse(cls, time: int, position: int) -> None:
        """Raise it where a time is not ahead of a position."""
        if time <= position:
            raise cls(time, position)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part opened at a place: its first message from there, and when that is due.

    `time` is the event time (µs UTC) that is due when it begins; `cue` is the place, none for the
    part's beginning. It was `sought` if a seek led there.
    """

    index: int
    feed: AnyFeed
    first: tuple[int, Message]
    time: int
    cue: Cue | None
    sought: bool


class Seeking:
    """Opens the parts of a replay at places in them."""

    def __init__(self, opener: Opener, request: Request) -> None:
        self._opener, self._request = opener, request
        self._firsts: dict[int, int] = {}

    def first_time(self, index: int) -> int:
        """Return the merge time of the first record that is played of a part."""
        if index not in self._firsts:
            stretch = self.open(index)
            if stretch is not None:
                stretch.feed.close()
        return self._firsts.get(index, 2**62)

    def open(self, index: int, time: int | None = None) -> Stretch | None:
        """Return a part from an event time on, or from its beginning; none if nothing is there."""
        request = self._request
        begin = request.begin if index == 0 else None
        since = begin if time is None else max(Cue(time), begin or Cue(time))
        end = request.end if index == len(request.windows) - 1 else None
        if request.duration is not None and time is not None:
            last = Cue(self.first_time(index) + request.duration)
            end = last if end is None else min(end, last)
        feed = self._opener.open(request.windows[index], since, end)
        first = next(feed.timed(), None)
        if first is None:
            feed.close()
            return None
        if time is None:
            self._firsts[index] = first[0]
            if request.duration is not None:
                feed.end_at(Cue(first[0] + request.duration))
        begins = first[0] if time is None else max(time, self.first_time(index))
        return Stretch(index, feed, first, begins, since, sought=time is not None)

    def find(self, time: int, present: int, *, relative: bool) -> Stretch:
        """Return the part that has an event time, the present one first, opened there.

        From there, a way back leads no further than to the beginning. Raises `SeekOutside`.
        """
        parts = self._request.windows
        others = [index for index in range(len(parts)) if index != present]
        if relative:
            time = max(time, self.first_time(present))
        for index in (present, *others):
            part, first = parts[index], self.first_time(index)
            low = first if part.start is None else min(part.start, first)
            if low <= time and (part.end is None or time < part.end):
                stretch = self.open(index, time)
                if stretch is not None:
                    return stretch
        raise SeekOutside(time, [part.name for part in parts])
