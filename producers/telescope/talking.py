"""What the telescope says by itself: its heartbeat, where it points, the sky, the weather."""

import math
from collections.abc import Callable, Sequence
from random import Random

from producers.simulated_night import heartbeat, weather
from producers.telescope.atmosphere import Atmosphere
from producers.telescope.pointing import Pointing
from producers.telescope.scenario import Scenario
from schemas.events.tcs import TcsEvent, Value
from schemas.utc import MICROS

HEARTBEAT = ("tcs", "receiver", "heartbeat")
_WIRE_DELAYS = (800, 9000)
"""How long after the payload was made it is sent, µs."""

Payload = Callable[[int], dict[str, Value]]
"""Returns the values at an instant, µs UTC."""


class Talker:
    """A source of events, each `period` µs, but for the spans in which it is `mute`."""

    def __init__(
        self,
        name: tuple[str, str, str],
        period: int,
        chance: Random,
        payload: Payload,
        mute: Sequence[tuple[int, int]],
    ) -> None:
        self.name, self.period = name, period
        self._chance, self._payload, self._mute = chance, payload, mute

    def event(self, time: int) -> TcsEvent | None:
        """Return what it says at an instant (µs UTC); none if it says nothing."""
        values = self._payload(time)
        least, most = _WIRE_DELAYS
        sent = time + least + int(self._chance.random() * (most - least))
        if any(begin <= time < end for begin, end in self._mute):
            return None
        return TcsEvent(time, sent, *self.name, False, values, {})


def talkers(scenario: Scenario, pointing: Pointing) -> Sequence[Talker]:
    """Return all that talk in a night."""
    seed, start, faults = scenario.seed, scenario.start, scenario.faults
    atmosphere = Atmosphere(seed, start, scenario.weather, faults.of("clouds", start))
    silent, lost = faults.of("silent", start), faults.of("guider", start)

    def talker(name: str, period: float, mute: Sequence[tuple[int, int]] = ()) -> Talker:
        system, source, key = name.split(".")
        chance = Random(f"{seed}/{source}")  # noqa: S311 a simulation
        payload = payloads[source](chance)
        return Talker((system, source, key), round(period * MICROS), chance, payload, mute)

    payloads: dict[str, Callable[[Random], Payload]] = {
        "receiver": heartbeat,
        "root": lambda _: pointing.values,
        "Guider1": lambda chance: _guider(chance, atmosphere),
        "Guider2": lambda chance: _guider(chance, atmosphere),
        "weather": weather,
    }
    return (
        talker(".".join(HEARTBEAT), scenario.heartbeat, silent),
        talker("tcs.root.ra_dec", 0.25, silent),
        talker("pas.Guider1.metrology_data", 5.0, lost),
        talker("pas.Guider2.metrology_data", 5.0, lost),
        talker("legacy.weather.conditions", 10.0),
    )


def _guider(chance: Random, atmosphere: Atmosphere) -> Payload:
    """Return what makes a guider's payloads: all guiders look through one atmosphere."""
    gauss = chance.gauss

    def payload(time: int) -> dict[str, Value]:
        air = atmosphere.at(time)
        star = chance.random() < 0.98 * min(1.0, air.transparency * 3)
        width = max(0.6, air.seeing * (1 + gauss(0, 0.04)))
        transparency = air.transparency + gauss(0, 0.02)
        return {
            "guide_star": star,
            "image_quality": round(width, 4) if star else math.nan,
            "transparency": round(min(1.0, max(0.0, transparency)), 4),
            "plate_scale": 0.2707,
            "photometry.fixed_skymag": round(air.sky + gauss(0, 0.03), 3),
            "photometry.kron_mag": round(14 + gauss(0, 0.05), 3) if star else None,
            "fit.gauss_par": [round(width / 2.355, 4), round(gauss(0, 0.1), 4), 1],
            "filter.magnitude": "g",
        }

    return payload
