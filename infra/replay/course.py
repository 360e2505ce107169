"""How far a replay has come."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from infra.replay.lateness import Lateness
from schemas.utc import MICROS


@dataclass(slots=True)
class Course:
    """What a replay has done up to now; a progress display may read it from another thread.

    Times are µs UTC. `skipped` counts what was read and is not wanted. `began` is when the first
    record of the present or last stretch was due, on the monotonic clock (s); a stretch ends with
    its window, and where the replay is paused, moved or set to another speed.
    """

    records: int = 0
    skipped: int = 0
    out_of_order: int = 0
    missed: int = 0
    controls: int = 0
    first_time: int | None = None
    time: int = 0
    part: int = 0
    part_from: int = 0
    ends: Sequence[int] = ()
    """When each part ends, about, where somebody looked."""
    began: float = 0.0
    paused: bool = False
    refused: str = ""
    """Why the last order was not carried out."""
    late: defaultdict[str, Lateness] = field(default_factory=lambda: defaultdict(Lateness))
    """By topic."""
    _stretch_from: int = 0
    _under_way: bool = False
    _played: int = 0
    _taken: float = 0.0

    def set_out(self, time: int) -> None:
        """Begin a stretch at an event time."""
        self.first_time = time if self.first_time is None else min(time, self.first_time)
        self.time = self._stretch_from = time
        self.began, self._under_way = monotonic(), True

    def arrive(self) -> None:
        """End the stretch; the time until the next one does not count."""
        self._played, self._taken = self.played, self.taken
        self._stretch_from, self._under_way = self.time, False

    def turn(self, *, paused: bool) -> None:
        """End a stretch where the replay stands, and begin another there unless it is paused."""
        if self._under_way:
            self.arrive()
        if not paused:
            self.set_out(self.time)
        self.paused = paused

    def leap(self, micros: int) -> None:
        """Leave event time out that is not waited for."""
        self._stretch_from += micros

    @property
    def lateness(self) -> Lateness:
        """How late records went out, of all topics."""
        return Lateness.of(list(self.late.values()))

    @property
    def played(self) -> int:
        """Event time gone by in the stretches, without what lies between them, in µs."""
        return self._played + self._in_stretch

    @property
    def _in_stretch(self) -> int:
        return self.time - self._stretch_from if self._under_way else 0

    @property
    def taken(self) -> float:
        """Wall time spent on the stretches, in s."""
        return self._taken + (monotonic() - self.began if self._under_way else 0.0)

    @property
    def speed(self) -> float:
        """Event time per wall time; 0 before any time has passed."""
        taken = self.taken
        return self.played / MICROS / taken if taken else 0.0

    @property
    def present_speed(self) -> float:
        """Event time per wall time in the stretch under way, or in all where there is none."""
        if not self._under_way:
            return self.speed
        return self._in_stretch / MICROS / ((monotonic() - self.began) or 1e-9)
