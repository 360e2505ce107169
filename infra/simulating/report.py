"""What came of a simulated night, and what it cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.replay.report import factor
from schemas import utc
from schemas.events.shots import ExposureFinished, ShotExpired, ShotFinished, ShotStarted
from schemas.utc import MICROS


@dataclass(slots=True)
class Report:
    """A simulation so far; times in s, `waits` are what each heartbeat's answer took, in ms."""

    namespace: str
    source: str
    loop: str
    start: int
    now: int
    events: int = 0
    published: int = 0
    decisions: list[tuple[int, str]] = field(default_factory=list)
    undecided: int = 0
    shots: int = 0
    finished: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    open_shutter: float = 0.0
    duration: float = 0.0
    simulated_anew: float = 0.0
    waits: list[float] = field(default_factory=list)
    complete: bool = False

    def note(self, event: Any) -> None:
        """Take note of what the telescope said."""
        self.events += 1
        match event:
            case ShotStarted():
                self.shots += 1
            case ShotFinished():
                self._end(event)
            case ExposureFinished():
                self.open_shutter += event.seconds
            case ShotExpired():
                self.expired += 1
            case _:
                pass

    def _end(self, event: ShotFinished) -> None:
        if event.error:
            self.failed[event.kind] = self.failed.get(event.kind, 0) + 1
        else:
            self.finished += 1

    @property
    def chosen(self) -> int:
        """How many shots were chosen; `decisions` has when (µs UTC), and which."""
        return len(self.decisions)

    @property
    def simulated(self) -> float:
        """How much time went by at the telescope, in s."""
        return (self.now - self.start) / MICROS

    @property
    def speed(self) -> float | None:
        """How much faster than real time it was, what was there from before left out."""
        return self.simulated_anew / self.duration if self.duration > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "namespace": self.namespace,
            "source": self.source,
            "loop": self.loop,
            "start": utc.iso(self.start),
            "end": utc.iso(self.now),
            "complete": self.complete,
            "events": self.events,
            "published": self.published,
            "shots_chosen": self.chosen,
            "shots_begun": self.shots,
            "shots_finished": self.finished,
            "shots_failed": dict(sorted(self.failed.items())),
            "shots_expired": self.expired,
            "open_shutter": self.open_shutter,
            "undecided": self.undecided,
            "duration": self.duration,
            "achieved_speed": self.speed,
            "waits": len(self.waits),
            "wait_p50": _percentile(self.waits, 0.5),
            "wait_p99": _percentile(self.waits, 0.99),
            "wait_total": sum(self.waits) / 1000,
        }

    def lines(self) -> Iterator[str]:
        """Yield the report for people."""
        hours = self.simulated / 3600
        yield (
            f"Simulated {utc.iso(self.start)[:19]}Z to {utc.iso(self.now)[:19]}Z ({hours:.2f} h), "
            f"in {self.namespace.rstrip('.')}, {self.loop} loop."
        )
        share = self.open_shutter / self.simulated if self.simulated else 0.0
        yield (
            f"{self.chosen} shot{'s' * (self.chosen != 1)} chosen, {self.shots} begun, "
            f"{self.finished} finished; the shutter was open for {self.open_shutter / 3600:.2f} h "
            f"({share:.0%})."
        )
        if self.failed or self.expired:
            said = [f"{number} {kind}" for kind, number in sorted(self.failed.items())]
            said += [f"{self.expired} expired"] * (self.expired > 0)
            yield f"Shots that failed: {', '.join(said)}."
        speed = "" if self.speed is None else f", {factor(self.speed)}"
        yield (
            f"{self.events:,} events, {self.published:,} of them published in "
            f"{self.duration:.1f} s{speed}."
        )
        if self.waits:
            yield (
                f"{len(self.waits):,} heartbeats were answered in {_ms(self.waits, 0.5)} (p50), "
                f"{_ms(self.waits, 0.99)} (p99), {sum(self.waits) / 1000:.1f} s in all."
            )
        if self.undecided:
            yield f"The orchestrator failed at {self.undecided} heartbeats: see `evctl tail`."
        if not self.complete:
            yield "It is not over: the same words again go on with it."


def _percentile(values: Sequence[float], part: float) -> float | None:
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _ms(values: Sequence[float], part: float) -> str:
    return f"{_percentile(values, part) or 0.0:.1f} ms"
