"""How far a replay has come."""

from dataclasses import dataclass, field
from time import monotonic

from infra.replay.lateness import Lateness
from schemas.utc import MICROS


@dataclass(slots=True)
class Course:
    """What a replay has done up to now; a progress display may read it from another thread.

    Times are µs UTC. `skipped` counts what was read and lies outside the window. `began` is when
    the first record of the present or last window was due, on the monotonic clock (s).
    """

    records: int = 0
    skipped: int = 0
    out_of_order: int = 0
    first_time: int | None = None
    time: int = 0
    began: float = 0.0
    lateness: Lateness = field(default_factory=Lateness)
    _window_from: int = 0
    _under_way: bool = False
    _played: int = 0
    _taken: float = 0.0

    def set_out(self, time: int) -> None:
        """Begin a window whose first event time is `time`."""
        self.first_time = time if self.first_time is None else min(time, self.first_time)
        self.time = self._window_from = time
        self.began, self._under_way = monotonic(), True

    def arrive(self) -> None:
        """End the window; the time until the next one does not count."""
        self._played, self._taken = self.played, self.taken
        self._window_from, self._under_way = self.time, False

    @property
    def played(self) -> int:
        """Event time gone by in the windows, without what lies between them, in µs."""
        return self._played + self.time - self._window_from

    @property
    def taken(self) -> float:
        """Wall time spent on the windows, in s."""
        return self._taken + (monotonic() - self.began if self._under_way else 0.0)

    @property
    def speed(self) -> float:
        """Event time per wall time; 0 before any time has passed."""
        taken = self.taken
        return self.played / MICROS / taken if taken else 0.0
