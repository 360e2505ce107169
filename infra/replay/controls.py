"""How a replay goes on: a state, what changes it, and when a record is due by it.

It knows no clock and no log. Everything follows from a pair: the event time that was due at one
reading of a monotonic clock. Each operation takes the pair anew, so that deadlines are absolute
between two operations, and errors of single waits do not add up.

Commands are carried out one after the other, each whole. A burst takes time: what is asked for
meanwhile waits until its records have gone out, so that where a seek leads, and from where it
counts, does not depend on how fast they go. Another burst right behind adds to it. Only a pause
ends it before; to pause, to look and to quit waits for nothing.
"""

from dataclasses import dataclass, replace
from math import inf, isfinite

from schemas.utc import MICROS


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing more for now."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on at the speed that is set."""


@dataclass(frozen=True, slots=True)
class Toggle:
    """Pause, or resume if it is paused."""


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Go on at another speed: event time per wall time, infinity for as fast as possible."""

    factor: float


@dataclass(frozen=True, slots=True)
class Accelerate:
    """Multiply the speed."""

    by: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Send the next records at once, behind those of another burst, and be paused then."""

    records: int


@dataclass(frozen=True, slots=True)
class PlayUntil:
    """Go on, and pause before the first record of an event time (µs UTC), or later.

    With `relative`, the time counts from the present one.
    """

    time: int
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Seek:
    """Go on at another event time (µs UTC); with `relative`, so much later, or earlier if < 0."""

    time: int
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Change nothing, and say how things are."""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the replay."""


Command = Pause | Resume | Toggle | SetSpeed | Accelerate | Burst | PlayUntil | Seek | Status | Quit


_SLOWEST, _FASTEST = 1e-6, 1e9


def _bounded(speed: float) -> float:
    return speed if not isfinite(speed) else min(max(speed, _SLOWEST), _FASTEST)


@dataclass(frozen=True, slots=True)
class Transport:
    """Event time `time` (µs UTC) was due at `since` (s, monotonic), or stands there if paused.

    `burst` records go out although it is paused. Before one of event time `until`, it pauses.
    """

    speed: float
    time: int
    since: float
    paused: bool = False
    burst: int = 0
    until: int | None = None

    @property
    def flat_out(self) -> bool:
        """Whether every record is due, whatever its time."""
        return not isfinite(self.speed) and not self.paused and self.until is None

    def takes(self, command: Command, *, others_wait: bool) -> bool:
        """Whether a command is carried out now, or waits for a burst's end, as others may do."""
        if isinstance(command, Pause | Status | Quit):
            return True
        return not others_wait and (not self.burst or isinstance(command, Burst))

    def deadline(self, time: int) -> float:
        """Return when a record of an event time is due: infinity for never as things are."""
        if self.burst:
            return -inf
        if self.paused or (self.until is not None and time >= self.until):
            return inf
        if not isfinite(self.speed):
            return -inf
        return self.since + (time - self.time) / (self.speed * MICROS)

    def at(self, now: float, ahead: int) -> int:
        """Return the event time that is due now, at most that of the next record, `ahead`.

        Where records are late, they are what counts: nothing is due at once after a pause.
        """
        if self.paused:
            return min(self.time, ahead)
        if not isfinite(self.speed):
            return ahead
        passed = (now - self.since) * self.speed * MICROS
        return ahead if self.time + passed >= ahead else self.time + round(passed)

    def after(self, command: Command, now: float, ahead: int) -> "Transport":
        """Return the state that a command leads to; `ahead` is the next record's event time."""
        here = replace(self, time=self.at(now, ahead), since=now)
        match command:
            case Toggle():
                here = self.after(Resume() if self.paused else Pause(), now, ahead)
            case Pause():
                here = replace(here, paused=True, burst=0, until=None)
            case Resume():
                here = replace(here, paused=False, burst=0)
            case SetSpeed():
                here = replace(here, speed=command.factor)
            case Accelerate():
                here = replace(here, speed=_bounded(here.speed * command.by))
            case Burst():
                more = self.burst + command.records
                here = replace(here, paused=True, burst=more, until=None)
            case PlayUntil():
                here = replace(here, paused=False, burst=0, until=here.goal(command))
            case Seek():
                here = here.moved(here.goal(command))
            case Status() | Quit():
                here = self
        return here

    def goal(self, command: Seek | PlayUntil) -> int:
        """Return the event time that a command names."""
        return self.time + command.time if command.relative else command.time

    def moved(self, time: int) -> "Transport":
        """Return the state at another event time, with nothing left of what was to come."""
        until = self.until if self.until is not None and self.until > time else None
        return replace(self, time=time, burst=0, until=until)

    def sent(self, time: int) -> "Transport":
        """Return the state after a record of a burst, of an event time: it stands there now."""
        return replace(self, burst=self.burst - 1, time=max(self.time, time))

    def settled(self, now: float, ahead: int) -> "Transport":
        """Return the state after time has passed: paused, where what it was to play is played."""
        if self.until is None or self.paused or ahead < self.until:
            return self
        if self.at(now, ahead) < self.until and isfinite(self.speed):
            return self
        return replace(self, time=self.until, since=now, paused=True, until=None)

    def over_gap(self, before: int, ahead: int, longest: int) -> "Transport":
        """Return the state where a gap between two event times counts as `longest` µs at most."""
        excess = ahead - before - longest
        return replace(self, time=self.time + excess) if excess > 0 else self
