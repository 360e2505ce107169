"""Systems of the telescope that stop speaking."""

from typing import Annotated

from schemas.declare import DECIDED, Doc, Holds, Micros, Unit, event


@event(DECIDED)
class SystemFellSilent:
    """A TCS system said nothing for longer than the site allows."""

    time: Micros
    system: str
    last_heard: Annotated[Micros, Doc("data time of its last event")]
    allowed: Annotated[float, Unit("s"), Doc("silence.after at that time")]

    @property
    def holds(self) -> Holds:
        """A system is silent until it speaks again."""
        return f"silence of {self.system}", ()


@event(DECIDED)
class SystemSpokeAgain:
    """A TCS system that had fallen silent sent an event."""

    time: Micros
    system: str
    silent_since: Annotated[Micros, Doc("data time of its last event before")]

    @property
    def holds(self) -> Holds:
        """A system speaks until it falls silent."""
        return f"silence of {self.system}", ()
