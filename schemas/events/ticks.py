"""How time passes for services: by records, never by a clock."""

from typing import Annotated

from schemas.declare import REPORTED, Doc, Micros, Unit, event


@event(REPORTED)
class TimePassed:
    """A tick, appended each second: a service's *now* is its last tick."""

    time: Micros
    mocked: Annotated[
        Micros | None, Unit("us"), Doc("what deciders take instead of `time`, in a rehearsal")
    ] = None
    mock_time: Annotated[
        Micros | None, Unit("us"), Doc("dates.mock_time, which `mocked` began with")
    ] = None

    @property
    def now(self) -> int:
        """What deciders take for the present (µs UTC): for dates, not beside times of events."""
        return self.time if self.mocked is None else self.mocked
