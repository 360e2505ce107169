"""Messages in an order that they do not have where they come from, kept in a temporary file.

In memory are two numbers for each, so that a night of any size can be sorted, and any place in it
is found at once.
"""

import marshal
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile
from typing import Any, cast
from uuid import UUID

from infra.log.reading import Message
from infra.replay.cue import Cue, cue_of
from infra.replay.kept import Kept, Parts
from schemas.errors import EvctlError
from schemas.record import BadHeaders, Position, from_headers, to_headers

BATCH = 5000


class TapeNotWritten(EvctlError):
    """The temporary file can't be written."""

    exit_code = 74

    def __init__(self, name: str, fault: OSError) -> None:
        super().__init__(
            f"There is no room to put {name} in order: {fault.strerror}. Make room where temporary "
            "files go, or name another directory in TMPDIR."
        )
        self.name = name


class Tape:
    """Messages that were put down with the times that order them; then it is wound, and played.

    `name` is what it is called, `partitions` how many each topic has (by full name). `bounds` are
    the event times (µs UTC, or none) between which its records were wanted; `earlier` gives, where
    it is asked, what held before these, each partition in its order.
    """

    def __init__(
        self,
        name: str,
        partitions: Mapping[str, int],
        bounds: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.name, self.partitions = name, partitions
        self.start, self.end = bounds
        self.earlier: Callable[[], Iterable[Message]] = tuple
        self.reordered = False
        self._file = TemporaryFile(prefix="evctl-replay-")  # noqa: SIM115 it lives as long as this
        self._starts, self._times = array("q", [0]), array("q")
        self._line = ""

    def __len__(self) -> int:
        return len(self._times)

    def put(self, time: int, parts: Parts) -> None:
        """Put a message down, with the time (µs UTC) that orders it."""
        data = marshal.dumps(parts)
        try:
            self._file.write(data)
        except OSError as fault:
            raise TapeNotWritten(self.name, fault) from fault
        self._starts.append(self._starts[-1] + len(data))
        self._times.append(time)

    def wind(self, line: str | None) -> None:
        """Make it ready: sorted by time, if a `line` is given, else in the order it was put down.

        Equal times stay as they were. Where sorting changes the order, readers would take records
        for repeats, whose numbers have to rise: they get new ones, of the source `line`, and the id
        that they had is sent along.
        """
        try:
            self._file.flush()
        except OSError as fault:
            raise TapeNotWritten(self.name, fault) from fault
        import numpy as np  # noqa: PLC0415 a tenth of a second, for tapes only

        times: Any = np.frombuffer(self._times, np.int64) if self._times else np.zeros(0, np.int64)
        self._order = np.arange(len(times))
        if line is not None:
            self._order = np.argsort(times, kind="stable")
            self.reordered = bool((np.diff(self._order) < 0).any())
            self._line = line
        self._due = np.maximum.accumulate(times[self._order]) if len(times) else times
        self._bytes = mmap(self._file.fileno(), 0, access=ACCESS_READ) if len(times) else b""

    @property
    def first_time(self) -> int:
        """The merge time of its first message."""
        return int(self._due[0])

    @property
    def last_time(self) -> int:
        """The merge time of its last message."""
        return int(self._due[-1])

    def feed(self, since: Cue | None = None, end: Cue | None = None) -> "TapeFeed":
        """Return its messages from one place to before another."""
        return TapeFeed(self, self.find(since, 0), self.find(end, len(self)))

    def find(self, cue: Cue | None, otherwise: int) -> int:
        """Return the number of the first message that is not before a cue."""
        if cue is None:
            return otherwise
        number = bisect_left(self._due, cue.time)
        if cue.offset < 0:
            return number
        while number < len(self) and cue_of(cue.time, self.message(number)) != cue:
            number += 1
        return number

    def due(self, number: int) -> int:
        """Return the merge time of a message (µs UTC)."""
        return int(self._due[number])

    def message(self, number: int) -> Message:
        """Return a message by its place in the order."""
        at = self._order[number]
        stored = self._bytes[self._starts[at] : self._starts[at + 1]]
        parts: Parts = marshal.loads(stored)  # noqa: S302 nobody else has a name for this file
        if self.reordered:
            parts = (*parts[:6], self._renumbered(number, parts))
        return cast("Message", Kept(parts))

    def _renumbered(self, number: int, parts: Parts) -> list[tuple[str, bytes]]:
        """Return headers under which a message is the same record, and comes behind the others."""
        try:
            told = from_headers(parts[6], Position(*parts[:3]))
        except BadHeaders:
            return parts[6]
        if told.epoch is not None:  # what a service decided goes by its own rule of repeats
            return parts[6]
        ours = told._replace(source=self._line, seq=number, given_id=UUID(bytes=told.id_bytes))
        others = [h for h in parts[6] if h[0] not in {"src", "id", "cause", "epoch", "replay"}]
        return [*others, *to_headers(ours)]

    def __del__(self) -> None:
        with suppress(OSError):  # a full disk, which was said when something was put down
            self._file.close()


class TapeFeed:
    """The messages of a tape, as those of a window are fed: see `infra.replay.feed.Feed`."""

    out_of_order = skipped = 0

    def __init__(self, tape: Tape, number: int, end: int) -> None:
        self._tape, self._number, self._end = tape, number, end

    def timed(self) -> Iterator[tuple[int, Message]]:
        """Yield (merge time, message) in order."""
        tape = self._tape
        while self._number < self._end:
            number, self._number = self._number, self._number + 1
            yield tape.due(number), tape.message(number)

    def batches(self) -> Iterator[list[Message]]:
        """Yield the messages in order, many at once."""
        messages = (message for _, message in self.timed())
        while batch := list(islice(messages, BATCH)):
            yield batch

    def read_ahead(self) -> bool:
        """Do nothing: all is there."""
        return False

    def end_at(self, cue: Cue) -> None:
        """End before a place, if not earlier."""
        self._end = min(self._end, self._tape.find(cue, self._end))

    @property
    def missed(self) -> int:
        """How many messages were not given."""
        return self._end - self._number

    def close(self) -> None:
        """Do nothing: the tape may be played again."""
