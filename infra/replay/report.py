"""How a replay went: for people in a line, for programs as JSON, for the log as an event."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from infra.log.cluster import Cluster
from infra.replay.course import Course
from infra.replay.lateness import Lateness
from infra.replay.request import Request
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
    missed: int = 0
    holes: Sequence[str] = ()
    controls: int = 0
    lateness_by_topic: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def sentence(self) -> str:
        """Return the final line."""
        one = self.records == 1
        at = f"at {factor(self.achieved_speed)} " if self.achieved_speed else ""
        text = (
            f"{'Replayed' if self.complete else 'Stopped: replayed'} {self.records:,} "
            f"record{'' if one else 's'} in {self.duration:.1f} s {at}(asked for "
            f"{factor(self.requested_speed)}), {self._lateness()}, missed {self.missed}, out of "
            f"order {self.out_of_order}{self._holes()}; {'it is' if one else 'they are'} in "
            f"{self.namespace}"
        )
        return text if self.complete else f"{text} The window is incomplete."

    def _holes(self) -> str:
        return f", holes {', '.join(self.holes)}" if self.holes else ""

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
            missed=self.missed,
            out_of_order=self.out_of_order,
            holes=list(self.holes),
            controls=self.controls,
        )


def report_of(
    course: Course, request: Request, source: Cluster, target: Cluster, *, complete: bool
) -> Report:
    """Return how a replay went."""

    def bare(name: str) -> str:
        return name.removeprefix(source.namespace)

    paced = isfinite(request.speed) or bool(course.late)
    found = _percentiles(course.lateness) if paced else {}
    return Report(
        replay=request.replay,
        namespace=target.namespace,
        windows=[window.name for window in request.windows],
        topics=[bare(name) for name in request.topics],
        records=course.records,
        complete=complete,
        duration=course.taken,
        first_time=course.first_time,
        last_time=None if course.first_time is None else course.time,
        requested_speed=request.speed,
        achieved_speed=course.speed,
        lateness_p50=found.get("p50"),
        lateness_p99=found.get("p99"),
        lateness_max=found.get("max"),
        out_of_order=course.out_of_order,
        missed=course.missed,
        holes=[str(hole) for hole in request.holes],
        controls=course.controls,
        lateness_by_topic={bare(n): _percentiles(late) for n, late in sorted(course.late.items())},
    )


def _percentiles(late: Lateness) -> dict[str, float]:
    """Return p50, p99 and the greatest in ms."""
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: late.percentile(share) / 1000 for name, share in shares.items()}
