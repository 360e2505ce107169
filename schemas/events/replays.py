"""What a replay did, and was asked to do; written into the replay's own namespace only."""

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
class ReplayControlRequested:
    """Somebody asked a replay that is under way to do something."""

    time: Micros
    replay: str
    request: Annotated[str, Doc("identity of the request; the answer has it")]
    command: Annotated[str, Doc("such as `pause` or `seek -10m`")]


@event(REPORTED)
class ReplayControlled:
    """A replay did what it was asked to, or refused: how it stands from then on."""

    time: Micros
    replay: str
    request: Annotated[str, Doc("identity of the request; empty: a key in its own terminal")]
    command: str
    refused: Annotated[str, Doc("why it was not done; empty: it was")]
    paused: bool
    speed: Factor
    position: Annotated[Micros, Doc("event time that is due")]
    until: Annotated[Micros | None, Doc("event time before which it pauses")]
    records: Annotated[int, Doc("records carried by then")]


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
    missed: Annotated[int, Doc("wanted records that were read and not carried")] = 0
    out_of_order: Annotated[int, Doc("records carried before an earlier one")] = 0
    holes: Annotated[Sequence[str], Doc("offsets of the window that the log no longer has")] = ()
    controls: Annotated[int, Doc("how often it was paused, moved, or set to another speed")] = 0


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
