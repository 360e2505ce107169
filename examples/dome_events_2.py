"""What the dome reports, in its second version."""

from typing import Annotated

from schemas.declare import REPORTED, Doc, Holds, Micros, Unit, Was, event


@event(REPORTED)
class DomeMoved:
    """The dome came to rest at another azimuth."""

    time: Micros
    azimuth: Annotated[float, Unit("deg"), Doc("from north through east")]
    slit_open: Annotated[bool, Was("shutter_open")]
    asked_by: str = "unknown"

    @property
    def holds(self) -> Holds:
        """The dome is where it is until it moves."""
        return "dome", ()
