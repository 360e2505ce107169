"""Which blow comes next, where and for how long: a function of the seed alone."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from infra.dying import Point
from tests.crash.chaos.script import SOURCES

SERVING = ("projections", "silence", "notices")


class Kind(StrEnum):
    """What is done to the site."""

    KILL = "process killed"
    KILL_BOTH = "both instances killed"
    KILL_HOLDER = "holder killed, not started again before the standby serves"
    KILL_PUBLISHER = "publisher killed"
    POINT = "armed with a named point"
    STOP = "stopped and gone on"
    SETTINGS = "killed, other settings"
    LOG = "log killed"
    FULL = "log's disk full"
    DATABASE = "database killed"
    LOCKED = "database locked by another program"
    CUT = "connections to the database cut"
    REBUILD = "rebuild"
    REPLAY = "replay"


_WEIGHTS = {
    Kind.KILL: 34,
    Kind.KILL_BOTH: 3,
    Kind.KILL_HOLDER: 4,
    Kind.KILL_PUBLISHER: 8,
    Kind.POINT: 16,
    Kind.STOP: 12,
    Kind.SETTINGS: 4,
    Kind.LOG: 3,
    Kind.FULL: 2,
    Kind.DATABASE: 4,
    Kind.LOCKED: 3,
    Kind.CUT: 4,
    Kind.REBUILD: 5,
    Kind.REPLAY: 3,
}

_AT_A_ROLE = {Kind.KILL, Kind.KILL_BOTH, Kind.KILL_HOLDER, Kind.POINT, Kind.STOP}
_SEATED = (
    Point.AFTER_PRODUCE,
    Point.BEFORE_COMMIT,
    Point.AFTER_COMMIT,
    Point.EPOCH_RAISED,
    Point.ANNOUNCED,
    Point.ADOPTED,
    Point.GIVEN,
    Point.TAKEN_AWAY,
)
POINTS = {
    "projections": (Point.BEFORE_COMMIT, Point.AFTER_COMMIT),
    "silence": (*_SEATED, Point.BEFORE_PRODUCE),
    "notices": (*_SEATED, Point.WORK_STARTED, Point.WORK_DONE),
    "rebuild": (Point.REBUILD_BATCH, Point.REBUILD_FILLED, Point.BEFORE_COMMIT),
}


@dataclass(frozen=True, slots=True)
class Blow:
    """One round. Times in s: how long something is away, and until the next round.

    `share` (0 to 1) chooses among what is there at that time, such as the views.
    """

    kind: Kind
    role: str
    number: int
    source: str
    away: float
    pause: float
    point: str
    share: float
    in_office: bool
    """Whether to wait for a while until somebody of the role serves: who starts proves less."""

    def __str__(self) -> str:
        """Return a line for the campaign's diary."""
        whom = self.source if self.kind is Kind.KILL_PUBLISHER else f"{self.role}-{self.number}"
        return f"{self.kind}: {whom}, {self.point}, {self.away:.2f} s, pause {self.pause:.2f} s"


def blows(seed: int, kinds: frozenset[Kind]) -> Iterator[Blow]:
    """Yield the rounds of a seed on a site that can suffer these kinds, without an end."""
    chance = random.Random(seed)
    there = [kind for kind in Kind if kind in kinds]
    weights = [_WEIGHTS[kind] for kind in there]
    while True:
        (kind,) = chance.choices(there, weights)
        role = chance.choice(SERVING)
        points = POINTS["rebuild" if kind is Kind.REBUILD else role]
        times = chance.choice((1, 1, 1, 2, 3, 8))
        point = f"{chance.choice(points)}:{times}"
        number, source = chance.choice((1, 2)), chance.choice(SOURCES)
        longest = 9.0 if kind is Kind.STOP and chance.random() < 0.3 else 2.0
        away, pause = chance.uniform(0.1, longest), chance.uniform(0.1, 1.5)
        in_office = kind in _AT_A_ROLE and chance.random() < 0.7
        yield Blow(kind, role, number, source, away, pause, point, chance.random(), in_office)
