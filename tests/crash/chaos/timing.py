"""How soon a killed process serves again, and how soon a standby has taken its place."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from infra.clock import utc_micros
from schemas.utc import MICROS
from tests.crash.chaos.troupe import Player, took

RESTART_BAR_S, STANDBY_BAR_S = 3.0, 10.0
_LOG, _NEVER_S = "the log or the database", 20.0


@dataclass(slots=True)
class Start:
    """A start whose time until the process serves counts; in µs UTC."""

    role: str
    log: Path
    began: int
    over: int | None = None  # it was killed or stopped again


@dataclass(slots=True)
class Timing:
    """Starts and disturbances; what was disturbed says nothing about a start and is left out."""

    restart_s: list[float] = field(default_factory=list)
    standby_s: list[float] = field(default_factory=list)
    disturbed: int = 0
    _starts: list[Start] = field(default_factory=list)
    _disturbances: list[tuple[int, int, str]] = field(default_factory=list)

    def disturb(self, seconds: float, role: str = _LOG) -> None:
        """Note that from now on for a while a role, or all (without one), is disturbed."""
        now = utc_micros()
        self._disturbances.append((now, now + round(seconds * MICROS), role))

    def started(self, player: Player) -> None:
        """Note that what held `observatory` was started again after a kill."""
        self._starts.append(Start(player.role, player.log, player.started))

    def over(self, player: Player) -> None:
        """Note that a player is killed or stopped now."""
        for start in self._starts:
            if start.log == player.log and start.over is None:
                start.over = utc_micros()

    def stood_in(self, role: str, since: int, then: int) -> None:
        """Note when a holder was killed, and when the standby had taken over."""
        if self.is_disturbed(role, since, then):
            self.disturbed += 1
        else:
            self.standby_s.append((then - since) / MICROS)

    def is_disturbed(self, role: str, since: int, then: int) -> bool:
        """Whether anything else happened to a role in a while."""
        return any(
            start < then and since < end and whom in {_LOG, role}
            for start, end, whom in self._disturbances
        )

    def judge(self) -> None:
        """Look how long each start took."""
        for start in self._starts:
            then = next(iter(took(start.log)), None) or start.over or utc_micros()
            seconds = (then - start.began) / MICROS
            serves = bool(took(start.log))
            if self.is_disturbed(start.role, start.began, then):
                self.disturbed += 1
            elif serves or seconds > _NEVER_S:
                self.restart_s.append(seconds)
        self._starts.clear()


def share(times_s: list[float], percent: int) -> float:
    """Return the time that so many percent do not exceed; 0 without any."""
    if len(times_s) < 2:
        return max(times_s, default=0.0)
    return quantiles(times_s, n=100, method="inclusive")[percent - 1]
