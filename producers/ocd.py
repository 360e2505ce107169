"""Events under the names that HETDEX's OCD gives them, for listeners that know OCD and not us.

An event class gets its name in `NAMED`: a row for each that OCD has a counterpart of. TCS's own
events go out as they came, whatever class says the rest of the night.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from schemas.declare import time_field
from schemas.events.orchestrator import AllowanceChanged, StateChanged, StatesReported
from schemas.events.shots import (
    WEST,
    ExposureFinished,
    ExposureStarted,
    ShotFinished,
    ShotOrder,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.events.silence import SystemFellSilent, SystemSpokeAgain
from schemas.events.tcs import TcsEvent, Value
from schemas.utc import MICROS, iso

HEARTBEAT_ENQUIRY = "ocd.heartbeat.enquiry"
HEARTBEAT_REPLY = "ocd.heartbeat.reply"
STATE_CHANGED, STATE = "ocd.states.change", "ocd.states.state"
ALLOWED = "ocd.states.hetdex_allowed"
SHOT, SETUP = "ocd.run_shot.run", "ocd.run_shot.setup_telescope"
EXPOSURE = "ocd.run_shot.exp_hetdex"
START, FINISH = 0, 1
"""What `exec_status` says."""

_RECIPE = "evctl run shots"
_BINNING = 2, 1
"""How VIRUS is read out, in x and y."""

NEEDED = (
    "pas.Guider1.metrology_data",
    "pas.Guider2.metrology_data",
    "tcs.root.ra_dec",
    "tcs.receiver.heartbeat",
    SHOT,
    SETUP,
    EXPOSURE,
    ALLOWED,
    HEARTBEAT_ENQUIRY,
)
"""What `ocd run` subscribes to by itself."""


class Named(NamedTuple):
    """An event under its OCD name, and the values that go with it."""

    name: str
    values: Mapping[str, Value]


def _changed(event: StateChanged) -> Sequence[Named]:
    return _state(event.machine, event.transition, (event.old, event.new), event.reason)


def _state(machine: str, transition: str, states: tuple[str, str], message: str) -> Sequence[Named]:
    old, new = states
    values: dict[str, Value] = {
        "machine_name": machine,
        "transition": transition,
        "old_state": old,
        "new_state": new,
        "msg": message,
        "traceback": "",
    }
    return (Named(STATE_CHANGED, values),)


def _reported(event: StatesReported) -> Sequence[Named]:
    """Return an event for each machine, as OCD's machines each speak for themselves."""
    return [
        Named(STATE, {"machine_name": machine, "state": state})
        for machine, state in event.states.items()
    ]


def _allowance(event: AllowanceChanged) -> Sequence[Named]:
    return (Named(ALLOWED, {"allowed": event.allowed, "who": event.who}),)


def _fell_silent(event: SystemFellSilent) -> Sequence[Named]:
    message = f"{event.system} said nothing for {event.allowed:g} s, since {iso(event.last_heard)}"
    return _state(f"silence.{event.system}", "fell_silent", ("speaking", "silent"), message)


def _spoke_again(event: SystemSpokeAgain) -> Sequence[Named]:
    silence = (event.time - event.silent_since) / MICROS
    message = f"{event.system} speaks again after {silence:.1f} s"
    return _state(f"silence.{event.system}", "spoke_again", ("silent", "speaking"), message)


def _run(event: ShotStarted | ShotFinished) -> Sequence[Named]:
    said: dict[str, Value] = {"error": False, "exc_type": "", "exc_value": "", "traceback": ""}
    if isinstance(event, ShotFinished):
        where = f"in {event.step}: " if event.step else ""
        value = f"{where}{event.reason}" if event.error else ""
        said |= {"error": event.error, "exc_type": event.kind, "exc_value": value}
        said["traceback"] = event.details
    return _of_shot(event, SHOT, said, finished=isinstance(event, ShotFinished))


def _setup(event: TelescopeSetupStarted | TelescopeSetupFinished) -> Sequence[Named]:
    return _of_shot(event, SETUP, {}, finished=isinstance(event, TelescopeSetupFinished))


def _exposure(event: ExposureStarted | ExposureFinished) -> Sequence[Named]:
    order = event.order
    said: dict[str, Value] = {
        "exposure": event.exposure,
        "seconds": event.seconds,
        "observation": order.obs_number,
        "object": f"{order.shotid}_{'EW'[order.track == WEST]}",
        "recipe": _RECIPE,
        "x_binning": _BINNING[0],
        "y_binning": _BINNING[1],
        "type": "sci",
    }
    return _of_shot(event, EXPOSURE, said, finished=isinstance(event, ExposureFinished))


def _of_shot(
    event: Any, name: str, said: Mapping[str, Value], *, finished: bool
) -> Sequence[Named]:
    """Return an event of a shot that OCD follows, with all that is known of the shot."""
    if not event.order.followed:
        return ()
    values = {**_shot(event.order), "exec_status": FINISH if finished else START, **said}
    return (Named(name, values),)


def _shot(order: ShotOrder) -> Mapping[str, Value]:
    """Return what OCD has of a shot, its metadata beside; these must not hide an event's own."""
    free = {name: value for name, value in order.metadata.items() if not name.startswith("__")}
    times = {f"exp{number:02d}": seconds for number, seconds in enumerate(order.exposures, 1)}
    fields = ("shotid", "obs_number", "ra", "dec", "azimuth", "track")
    return {**free, **{name: getattr(order, name) for name in fields}, **times}


NAMED: Mapping[type, Callable[[Any], Sequence[Named]]] = {
    StateChanged: _changed,
    StatesReported: _reported,
    AllowanceChanged: _allowance,
    SystemFellSilent: _fell_silent,
    SystemSpokeAgain: _spoke_again,
    ShotStarted: _run,
    ShotFinished: _run,
    TelescopeSetupStarted: _setup,
    TelescopeSetupFinished: _setup,
    ExposureStarted: _exposure,
    ExposureFinished: _exposure,
}
"""Event classes that OCD has a name for, beside `TcsEvent`; the others are not served.

Those of a shot have one if OCD is to follow it.
"""


def as_tcs(event: Any, now: int) -> Sequence[TcsEvent]:
    """Return an event as OCD's listeners know it, maybe as several; none without a name there.

    `now` (µs UTC) is when it is sent. A TCS event keeps the times it came with.
    """
    if type(event) is TcsEvent:
        return (event,)
    name = NAMED.get(type(event))
    if name is None:
        return ()
    time = getattr(event, time_field(type(event)))
    return [_tcs_event(named, time, now) for named in name(event)]


def of_now(event: TcsEvent, now: int) -> TcsEvent:
    """Return an event as if TCS sent it now (µs UTC): its payload is as old as it was then."""
    times = ("__data_time", "__wire_time")
    spelled = {name: text for name, text in event.original_text.items() if name not in times}
    made = now - (event.wire_time - event.data_time)
    return replace(event, data_time=made, wire_time=now, original_text=spelled)


def heartbeat_reply(event: TcsEvent, now: int) -> TcsEvent | None:
    """Return the answer to "are you there?", with the enquiry's `id`; none to another event."""
    if event.topic != HEARTBEAT_ENQUIRY or "id" not in event.values:
        return None
    return _tcs_event(Named(HEARTBEAT_REPLY, {"id": event.values["id"]}), now, now)


def _tcs_event(named: Named, time: int, now: int) -> TcsEvent:
    system, source, key = named.name.split(".")
    return TcsEvent(time, now, system, source, key, False, named.values, {})
