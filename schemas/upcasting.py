"""What turns a record of an old version into one of the next, where Avro's resolution can't.

    @upcaster(SkyMeasured, version=2)
    def place_in_degrees(fields: Mapping[str, Any]) -> Mapping[str, Any]:
        "Version 2 has the place as text, `RA DEC`."
        right_ascension, declination = map(float, fields["place"].split())
        return {"time": fields["time"], "ra": right_ascension, "dec": declination}

It stands beside its event, takes the fields of its version and returns those of the next one, by
their names on the wire. From there another upcaster or Avro's resolution goes on, so it is written
once and never touched again. It is for reading old records: a program that is older than a version
can have no function for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Upcast = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Upcaster:
    """The step of an event's records from a published version to the next."""

    event: str
    version: int
    upcast: Upcast


def upcaster(event: type, *, version: int) -> Callable[[Upcast], Upcaster]:
    """Return a decorator that makes a pure function the step from `version` to the next."""
    return lambda upcast: Upcaster(event.__name__, version, upcast)
