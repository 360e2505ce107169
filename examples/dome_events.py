"""What the dome reports."""

from typing import Annotated

from schemas.declare import REPORTED, Doc, Holds, Micros, Unit, event


@event(REPORTED)
class DomeMoved:
    """The dome came to rest at another azimuth."""

    time: Micros
    azimuth: Annotated[float, Unit("deg"), Doc("from north through east")]
    shutter_open: bool

    @property
    def holds(self) -> Holds:
        """The dome is where it is until it moves."""
        return "dome", ()
