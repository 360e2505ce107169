"""Seeing, transparency and brightness of the sky, as they drift through a night.

A grid of one value each ten seconds is made as time goes on, so that all who look at it see the
same. Seeing is log-normal about 1.55 arcsec, with a slow and a quick part; clouds come and go as a
two-state Markov chain, so that the fraction of time lost to them is the month's.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from math import exp, sqrt
from random import Random
from typing import NamedTuple

from schemas.utc import MICROS

LOST_BY_MONTH = (
    *(0.359, 0.337, 0.379, 0.335, 0.335, 0.339),
    *(0.499, 0.428, 0.476, 0.314, 0.246, 0.346),
)
"""Fraction of the time that HET loses to the weather, January to December (HET_obs.py)."""

STEP = 10 * MICROS
_STEP_S = STEP / MICROS
_SPELL_S = 9000.0
"""How long clouds stay on average, s."""


class Weather(StrEnum):
    """How a night is: without clouds, or with those of the season."""

    CLEAR = "clear"
    SEASON = "season"


class Air(NamedTuple):
    """What the atmosphere does to light, at an instant."""

    seeing: float
    """Full width at half maximum, arcsec."""
    transparency: float
    sky: float
    """Brightness of the sky, mag/arcsec²."""


class _Drift:
    """Ornstein and Uhlenbeck's process about 0, of a spread and a time it remembers, s."""

    def __init__(self, chance: Random, spread: float, memory: float) -> None:
        self._chance = chance
        self._kept = exp(-_STEP_S / memory)
        self._kick = spread * sqrt(1 - self._kept**2)
        self.value = chance.gauss(0, spread)

    def step(self) -> float:
        self.value = self._kept * self.value + self._chance.gauss(0, self._kick)
        return self.value


class Atmosphere:
    """The air above the telescope from an instant (µs UTC) on, for those who ask in order."""

    def __init__(
        self, seed: int, start: int, weather: Weather, clouds: Sequence[tuple[int, int]] = ()
    ) -> None:
        """`clouds` are spans in which there are some in any case."""
        self._chance = chance = Random(f"{seed}/atmosphere")  # noqa: S311 a simulation
        self._slow, self._quick = _Drift(chance, 0.18, 4000), _Drift(chance, 0.06, 90)
        self._haze, self._sky = _Drift(chance, 0.04, 5000), _Drift(chance, 0.08, 6000)
        self._cloud = _Drift(chance, 0.3, 600)
        self._lost = 0.0 if weather is Weather.CLEAR else LOST_BY_MONTH[_month(start) - 1]
        self._clouded = chance.random() < self._lost
        self._clouds, self._next = clouds, start
        self._now = self._step()

    def at(self, time: int) -> Air:
        """Return the air at an instant, which is none before one that was asked for."""
        while self._next <= time:
            self._now = self._step()
        return self._now

    def _step(self) -> Air:
        time, self._next = self._next, self._next + STEP
        self._change()
        seeing = 1.55 * exp(self._slow.step() + self._quick.step())
        clear = min(1.0, 0.88 + self._haze.step())
        sky, cloud = 20.9 + self._sky.step(), self._cloud.step()
        if self._clouded or any(begin <= time < end for begin, end in self._clouds):
            return Air(seeing * 1.2, clear * 0.15 * exp(cloud), sky - 0.6)
        return Air(seeing, clear, sky)

    def _change(self) -> None:
        """Let clouds come or go: as often as makes their share of the time the month's."""
        leaves = _STEP_S / _SPELL_S
        comes = leaves * self._lost / (1 - self._lost)
        if self._chance.random() < (leaves if self._clouded else comes):
            self._clouded = not self._clouded


def _month(time: int) -> int:
    return datetime.fromtimestamp(time // MICROS, UTC).month
