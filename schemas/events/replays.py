"""What a replay did; written into the replay's own namespace only."""

from collections.abc import Sequence
from typing import Annotated

from schemas.declare import REPORTED, Doc, Micros, Unit, event

Milliseconds = Annotated[float, Unit("ms")]
Factor = Annotated[float, Doc("event time per wall time; infinity: as fast as possible")]


@event(REPORTED)
class ReplayStarted:
    """A replay began to carry a window of the log into its namespace."""

    time: Micros
    replay: str
    window: Annotated[str, Doc("the window as it was asked for")]
    topics: Sequence[str]
    speed: Factor
    first_time: Annotated[Micros, Doc("event time of the first record carried")]
    records: Annotated[int, Doc("records in the window")]


@event(REPORTED)
class ReplayFinished:
    """A replay ended: what it carried, and how well it kept the pace."""

    time: Micros
    replay: str
    records: Annotated[int, Doc("records carried and acknowledged")]
    complete: Annotated[bool, Doc("the window's end was reached; false: it was stopped")]
    duration: Annotated[float, Unit("s")]
    requested_speed: Factor
    achieved_speed: Factor
    lateness_p50: Milliseconds
    lateness_p99: Milliseconds
    lateness_max: Milliseconds


@event(REPORTED)
class ServicesInvited:
    """In this replay services decide anew: it carries what was reported, and no decisions.

    It stands before `ReplayStarted`, which services wait for.
    """

    time: Micros
    replay: str
    services: Annotated[Sequence[str], Doc("whose decisions are compared with the recorded ones")]
    loop: Annotated[str, Doc("open: workers' reports are the recorded ones")]
    settings: Annotated[str, Doc("recorded: those in force then; present: the site's of today")]
    ticks_added: Annotated[Sequence[str], Doc("windows that had none, and got one each second")]
