"""How a replay went: for people in a line, for programs as JSON, for the log as an event."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from schemas import utc
from schemas.events.replays import ReplayFinished


def factor(speed: float) -> str:
    """Return a speed as people write it: `10x`, or `max`."""
    if not isfinite(speed):
        return "max"
    return f"{speed:,.0f}x" if 1000 <= speed < 1e9 else f"{speed:.4g}x"


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay carried, and how well it kept the pace.

    Times are µs UTC, none where nothing was carried. Lateness is that of sending, against
    each record's absolute deadline, in ms; none where there are no deadlines, at full speed.
    `achieved_speed` is event time per wall time, until the last acknowledgement.
    """

    replay: str
    namespace: str
    windows: Sequence[str]
    topics: Sequence[str]
    records: int
    complete: bool
    duration: float
    first_time: int | None
    last_time: int | None
    requested_speed: float
    achieved_speed: float
    lateness_p50: float | None
    lateness_p99: float | None
    lateness_max: float | None
    out_of_order: int

    def sentence(self) -> str:
        """Return the final line."""
        one = self.records == 1
        at = f"at {factor(self.achieved_speed)} " if self.first_time != self.last_time else ""
        text = (
            f"{'Replayed' if self.complete else 'Stopped: replayed'} {self.records:,} "
            f"record{'' if one else 's'} in {self.duration:.1f} s {at}(asked for "
            f"{factor(self.requested_speed)}), {self._lateness()}, out of order "
            f"{self.out_of_order}; {'it is' if one else 'they are'} in {self.namespace}"
        )
        return text if self.complete else f"{text} The window is incomplete."

    def _lateness(self) -> str:
        if self.lateness_p50 is None:
            return "no deadlines"
        return (
            f"lateness p50 {self.lateness_p50:.2f} ms, p99 {self.lateness_p99:.2f} ms, "
            f"max {self.lateness_max:.2f} ms"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs: speeds as numbers or `max`, times as ISO 8601."""
        found = asdict(self)
        for speed in ("requested_speed", "achieved_speed"):
            found[speed] = found[speed] if isfinite(found[speed]) else "max"
        for time in ("first_time", "last_time"):
            found[time] = None if found[time] is None else utc.iso(found[time])
        return found

    def as_event(self, now: int) -> ReplayFinished:
        """Return the report as an event that happened at `now` (µs UTC)."""
        return ReplayFinished(
            time=now,
            replay=self.replay,
            records=self.records,
            complete=self.complete,
            duration=self.duration,
            requested_speed=self.requested_speed,
            achieved_speed=self.achieved_speed,
            lateness_p50=self.lateness_p50 or 0.0,
            lateness_p99=self.lateness_p99 or 0.0,
            lateness_max=self.lateness_max or 0.0,
        )
