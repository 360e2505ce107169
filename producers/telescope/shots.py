"""What comes of a shot at the telescope, step by step, at the times that real nights had.

From HETDEX's log of 2017 to 2020: set-ups took 227 s (median), 143 to 623 s (5 to 95 %), and the
read-out of an exposure of 360 s 45 s.
"""

from collections.abc import Iterator
from math import exp
from random import Random
from typing import Any, NamedTuple

from producers.telescope.faults import Faults
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotFinished,
    ShotOrder,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.utc import MICROS

SETUP_S = 227.0
_QUICKER, _SLOWER = 0.28, 0.61
"""Spread of the logarithm of set-up times below the median and above it."""
_READ_OUT_S = 45.0
_SHORT = MICROS // 10
"""Between two steps, µs."""


class Shot(NamedTuple):
    """A shot that was asked for: the id of the request, and the order."""

    request: str
    order: ShotOrder


def setup_time(chance: Random) -> float:
    """Return how long a set-up takes, in s."""
    off = chance.gauss(0, 1)
    return SETUP_S * exp(off * (_SLOWER if off > 0 else _QUICKER))


def course(shot: Shot, time: int, chance: Random, faults: Faults) -> Iterator[Any]:
    """Yield what is reported of a shot that begins at an instant (µs UTC), in order."""
    request, order = shot
    yield ShotStarted(time, request, order)
    time += _SHORT
    yield TelescopeSetupStarted(time, request, order)
    takes = setup_time(chance)
    if chance.random() < faults.setup:
        yield _failed(shot, time + round(takes * chance.random() * MICROS), "set-up")
        return
    time += round(takes * MICROS)
    yield TelescopeSetupFinished(time, request, order)
    for number, seconds in enumerate(order.exposures, 1):
        time += _SHORT
        yield ExposureStarted(time, request, order, number, seconds)
        if chance.random() < faults.exposure:
            yield _failed(
                shot, time + round(seconds * chance.random() * MICROS), f"exposure {number}"
            )
            return
        time += round((seconds + chance.gauss(_READ_OUT_S, 1.5)) * MICROS)
        yield ExposureFinished(time, request, order, number, seconds)
    yield ShotFinished(time + _SHORT, request, order, False, "", "", "", "")


def ended(shot: Shot, time: int, kind: str, reason: str) -> ShotFinished:
    """Return the end of a shot that did not come to its own."""
    return ShotFinished(time, *shot, True, "", kind, reason, "")


def _failed(shot: Shot, time: int, step: str) -> ShotFinished:
    kind = "SetupFailed" if step == "set-up" else "ExposureFailed"
    reason = f"The simulated telescope failed at the {step}, as it was asked to."
    return ShotFinished(time, *shot, True, step, kind, reason, "")
