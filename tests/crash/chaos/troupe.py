"""The processes of a campaign, and who starts them again when they end."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from infra.clock import utc_micros
from infra.dying import VARIABLE
from schemas.utc import parse
from tests.e2e.stage import Stage, suspend

ROOT = Path(__file__).parents[3]
AWAY = frozenset({69, 74, 75})
"""Exit codes of a process that misses the log or the database: a supervisor starts it again."""

_AGAIN_S = 0.3  # what a supervisor waits
_TOOK = re.compile(r"^(\S+Z) .*: took (?:over )?\S*observatory\[0\]", re.MULTILINE)


@dataclass
class Player:
    """A process that is started again and again; `role` is what it shares with its standby."""

    role: str
    name: str
    words: Sequence[str]
    stage: Stage
    logs: Path
    process: subprocess.Popen[str] | None = None
    log: Path = Path()
    starts: int = 0
    started: int = 0
    armed: str = ""
    stopped: bool = False
    lasting: bool = True
    """Whether it is to be started again, and not to come to its own end."""

    @property
    def runs(self) -> bool:
        """Whether it is alive, and not stopped."""
        return self.process is not None and self.process.poll() is None and not self.stopped

    def start(self, armed: str = "") -> None:
        """Start it; `armed` is a named point at which it kills itself."""
        self.starts += 1
        self.armed, self.stopped, self.started = armed, False, utc_micros()
        self.log = self.logs / f"{self.name}.{self.starts:04}.log"
        environ = self.stage.environment(**({VARIABLE: armed} if armed else {}))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=environ,
                text=True,
            )

    def kill(self) -> bool:
        """Kill it; false if it had ended by itself."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.kill()
        self.process.wait()
        self.stopped = False
        return True

    def stop(self) -> Callable[[], None]:
        """Stop it at any moment; return what lets it go on."""
        process = self.process
        assert process is not None
        suspend(process, self.stage)
        self.stopped = True

        def go_on() -> None:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
            if process is self.process:
                self.stopped = False

        return go_on

    def said(self) -> str:
        """Return what it has said since its last start."""
        return self.log.read_text(errors="replace") if self.log.is_file() else ""

    def took(self) -> list[int]:
        """Return the instants (µs UTC) at which it took over `observatory` since its last start."""
        return took(self.log)


def took(log: Path) -> list[int]:
    """Return the instants (µs UTC) at which the process of a log took over `observatory`."""
    if not log.is_file():
        return []
    return [parse(found[1]) for found in _TOOK.finditer(log.read_text(errors="replace"))]


@dataclass
class Troupe:
    """All players; `faults` are ends that no supervisor would pass over."""

    players: dict[str, Player] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    died_at_points: int = 0
    ended_by_themselves: int = 0
    serves_again: Callable[[Player], None] = lambda _: None
    """Told of a player that had taken over, killed itself, and was started again."""
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: int = 0

    def add(self, player: Player) -> Player:
        """Take a player in, and start it."""
        self.players[player.name] = player
        player.start()
        return player

    def of(self, role: str) -> list[Player]:
        """Return the instances of a role."""
        return [player for player in self.players.values() if player.role == role]

    def holder(self, role: str) -> Player | None:
        """Return the instance that has taken over last, if it runs."""
        times = [(max(player.took(), default=0), player.name) for player in self.of(role)]
        when, name = max(times)
        found = self.players[name]
        return found if when and found.runs else None

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something in a while, or when all has to be in order again."""
        self._numbers += 1
        self._due.append((monotonic() + seconds, self._numbers, act))

    def tend(self, *, at_once: bool = False) -> None:
        """Do what is due (`at_once`: all), and see to those that have ended."""
        now = monotonic()
        due = sorted(one for one in self._due if at_once or one[0] <= now)
        self._due = [one for one in self._due if one not in due]
        for _, _, act in due:
            act()
        for player in list(self.players.values()):
            if player.process is not None and player.process.poll() is not None:
                self._ended(player, player.process.returncode)

    def _ended(self, player: Player, code: int) -> None:
        player.process = None
        again: Callable[[Player], None] = self.start_again
        if code == -signal.SIGKILL and player.armed:
            self.died_at_points += 1
            again = self._start_and_tell if player.took() else again
        elif code in AWAY:
            self.ended_by_themselves += 1
        elif code or player.lasting:
            last = player.said().strip().splitlines()[-1:]
            self.faults.append(f"{player.name} ended with {code}: {' '.join(last)} ({player.log})")
        self._look(player)
        if player.lasting:
            self.later(_AGAIN_S, lambda: again(player))
        else:
            del self.players[player.name]

    def _start_and_tell(self, player: Player) -> None:
        starts = player.starts
        self.start_again(player)
        if player.starts > starts:
            self.serves_again(player)

    def start_again(self, player: Player, armed: str = "") -> None:
        """Start a player, unless somebody has done so, or it has left."""
        if player.process is None and self.players.get(player.name) is player:
            player.start(armed)

    def kill(self, player: Player) -> bool:
        """Kill a player; somebody has to start it again. False if it was not alive."""
        killed = player.kill()
        player.process = None if killed else player.process
        self._look(player)
        return killed

    def end(self, player: Player) -> None:
        """End a player as an operator does, for good."""
        self.players.pop(player.name, None)
        if player.process is not None and player.process.poll() is None:
            player.process.send_signal(signal.SIGCONT)
            player.process.terminate()
            try:
                player.process.wait(60)
            except subprocess.TimeoutExpired:
                player.process.send_signal(signal.SIGABRT)
                player.process.wait()
                self.faults.append(f"{player.name} does not end ({player.log})")
        self._look(player)

    def _look(self, player: Player) -> None:
        if "Traceback" in player.said():
            self.faults.append(f"{player.name} has a traceback in {player.log}")

    def everyone(self) -> Iterator[Player]:
        """Yield all players."""
        yield from list(self.players.values())
