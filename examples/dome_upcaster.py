"""How an older version of an event is turned into the next, where a default is not enough.

Version 2 has `azimuth: Annotated[float, Unit("deg")] = 0.0`; version 3 has turns in its place.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from schemas.declare import REPORTED, Doc, Micros, event
from schemas.upcasting import upcaster


@event(REPORTED)
class DomeMoved:
    """The dome came to rest at another azimuth."""

    time: Micros
    turns: Annotated[float, Doc("from north through east")] = 0.0


@upcaster(DomeMoved, version=2)
def azimuth_in_turns(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 2 has the azimuth in degrees."""
    return {"time": fields["time"], "turns": fields["azimuth"] / 360.0}
