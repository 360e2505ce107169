"""A night of TCS events made from a seed: the same seed, the same night, on every machine.

Plausible, not physical: targets are tracked and changed, guiders see the seeing drift, the weather
turns a little. Topic names are those that OCD listens to; the values' names follow HET's.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import count
from random import Random

from schemas.events.tcs import TcsEvent, Value
from schemas.utc import MICROS

START = 1_763_604_000 * MICROS
"""The default night's begin: 2025-11-20T02:00:00Z."""
DURATION = 36_000.0
"""Its length, s."""
RATE = 20_000 / DURATION
"""Its events a second, of all topics together."""

_SIDEREAL = 1.00273791 * 15 / 3600
"""How fast the sky turns, deg/s."""
_TARGET_S = 1500.0
_WIRE_DELAYS = (800, 9000)
"""How long after the payload was made it is sent, µs."""

Payload = Callable[[float], dict[str, Value]]


@dataclass(frozen=True, slots=True)
class _Talker:
    """A source of events: its name, its share of all events, and what makes its payloads."""

    system: str
    source: str
    key: str
    share: float
    make: Callable[[Random], Payload]


def simulated_night(
    seed: int, start: int = START, duration: float = DURATION, rate: float = RATE
) -> Iterator[TcsEvent]:
    """Yield about `rate * duration` events by rising wire time from `start` (µs UTC) on."""
    streams = [_stream(talker, seed, start, duration, rate) for talker in _TALKERS]
    return merge(*streams, key=lambda event: event.wire_time)


def _stream(
    talker: _Talker, seed: int, start: int, duration: float, rate: float
) -> Iterator[TcsEvent]:
    chance = Random(f"{seed}/{talker.source}")  # noqa: S311 a simulation
    payload = talker.make(chance)
    period = 1 / (rate * talker.share)
    phase = chance.random() * period
    for number in count():
        elapsed = phase + number * period
        if elapsed >= duration:
            return
        data_time = start + int(elapsed * MICROS)
        yield TcsEvent(
            data_time=data_time,
            wire_time=data_time + chance.randint(*_WIRE_DELAYS),
            system=talker.system,
            source=talker.source,
            key=talker.key,
            more_data=False,
            values=payload(elapsed),
            original_text={},
        )


def heartbeat(chance: Random) -> Payload:
    beats = count(1)
    pid = chance.randint(1000, 30_000)
    return lambda _: {"beat": next(beats), "pid": pid, "state": "running"}


def _pointing(chance: Random) -> Payload:
    azimuth = drift(chance, mean=70.0, spread=0.002)
    target = (-1, 0.0, 0.0)

    def payload(elapsed: float) -> dict[str, Value]:
        nonlocal target
        number = int(elapsed / _TARGET_S)
        if number != target[0]:
            target = (number, chance.uniform(0, 24), chance.uniform(-10, 70))
        hours = (elapsed % _TARGET_S - _TARGET_S / 2) * _SIDEREAL / 15
        return {
            "ra": round(target[1], 8),
            "dec": round(target[2], 7),
            "azimuth": round(azimuth(), 6),
            "hour_angle": round(hours - 2.0, 8),
        }

    return payload


def _guider(chance: Random) -> Payload:
    seeing = drift(chance, mean=1.5, spread=0.03)
    transparency = drift(chance, mean=0.8, spread=0.01)
    sky = drift(chance, mean=20.5, spread=0.02)

    def payload(_: float) -> dict[str, Value]:
        star = chance.random() > 0.02  # now and then a cloud takes the guide star
        width = max(0.6, seeing())
        return {
            "guide_star": star,
            "image_quality": round(width, 4) if star else math.nan,
            "transparency": round(min(1.0, max(0.0, transparency())), 4),
            "plate_scale": 0.2707,
            "photometry.fixed_skymag": round(sky(), 3),
            "photometry.kron_mag": round(14 + chance.gauss(0, 0.05), 3) if star else None,
            "fit.gauss_par": [round(width / 2.355, 4), round(chance.gauss(0, 0.1), 4), 1],
            "filter.magnitude": "g",
        }

    return payload


def weather(chance: Random) -> Payload:
    temperature = drift(chance, mean=11.0, spread=0.05)
    humidity = drift(chance, mean=45.0, spread=0.3)
    wind = drift(chance, mean=5.0, spread=0.4)

    def payload(_: float) -> dict[str, Value]:
        speed = abs(wind())
        return {
            "temperature": round(temperature(), 2),
            "humidity": round(min(100.0, max(0.0, humidity())), 1),
            "wind_speed": round(speed, 2),
            "wind_direction": chance.randint(200, 280),
            "dome_open": speed < 17.0,
        }

    return payload


def drift(chance: Random, mean: float, spread: float) -> Callable[[], float]:
    """Return a random walk that is drawn back to its mean (Ornstein and Uhlenbeck's process)."""
    value = mean

    def step() -> float:
        nonlocal value
        value += 0.01 * (mean - value) + chance.gauss(0, spread)
        return value

    return step


_TALKERS = (
    _Talker("tcs", "receiver", "heartbeat", 0.25, heartbeat),
    _Talker("tcs", "root", "ra_dec", 0.40, _pointing),
    _Talker("pas", "Guider1", "metrology_data", 0.14, _guider),
    _Talker("pas", "Guider2", "metrology_data", 0.14, _guider),
    _Talker("legacy", "weather", "conditions", 0.07, weather),
)
