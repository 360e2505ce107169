"""How time passes for services: by records, never by a clock."""

from schemas.declare import REPORTED, Micros, event


@event(REPORTED)
class TimePassed:
    """A tick, appended each second: a service's *now* is its last tick."""

    time: Micros
