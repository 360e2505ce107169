"""A night played in memory, with what is asked of the telescope written down beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

from producers.telescope.night import Night
from producers.telescope.scenario import Scenario
from schemas import utc
from schemas.declare import time_field
from schemas.events.shots import ShotOrder, ShotRequested
from schemas.utc import MICROS

START = utc.parse("2019-03-07T02:30:00")


def scenario(seconds: float = 600, **more: Any) -> Scenario:
    """Return a scenario that begins at `START`."""
    return Scenario(more.pop("seed", 1), START, START + round(seconds * MICROS), **more)


def played(scenario: Scenario, asked: Mapping[int, Sequence[Any]] | None = None) -> list[Any]:
    """Return what is said in a night; `asked` has events by the number of their heartbeat."""
    night, found = Night(scenario), list[Any]()
    number = 0
    while night.now < scenario.end:
        found += night.until_heartbeat()
        for n, event in enumerate((asked or {}).get(number, ())):
            night.hear(f"request-{number}-{n}", event)
        number += 1
    return found


def order(shotid: str = "DEX1", seconds: float = 360.0) -> ShotOrder:
    """Return the order of a shot with three exposures."""
    return ShotOrder(shotid, 7, 11.1, 51.8, 71.5, 0, [seconds] * 3, {}, False, True)


def wanted(shotid: str = "DEX1", valid: float = 3600, seconds: float = 360.0) -> ShotRequested:
    """Return the request for a shot."""
    until = START + round(valid * MICROS)
    return ShotRequested(START, order(shotid, seconds), until)


def when(event: Any) -> int:
    """Return the time of an event, µs UTC."""
    time: int = getattr(event, time_field(type(event)))
    return time


def of_class(events: Sequence[Any], *classes: type) -> list[Any]:
    """Return the events of these classes."""
    return [event for event in events if isinstance(event, classes)]
