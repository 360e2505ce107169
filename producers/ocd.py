"""Events under the names that HETDEX's OCD gives them, for listeners that know OCD and not us.

An event class gets its name in `NAMED`: a row for each that OCD has a counterpart of. TCS's own
events go out as they came, whatever class says the rest of the night.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.declare import time_field
from schemas.events.silence import SystemFellSilent, SystemSpokeAgain
from schemas.events.tcs import TcsEvent, Value
from schemas.utc import MICROS, iso

HEARTBEAT_ENQUIRY = "ocd.heartbeat.enquiry"
HEARTBEAT_REPLY = "ocd.heartbeat.reply"
STATE_CHANGED = "ocd.states.change"

NEEDED = (
    "pas.Guider1.metrology_data",
    "pas.Guider2.metrology_data",
    "tcs.root.ra_dec",
    "tcs.receiver.heartbeat",
    "ocd.run_shot.run",
    "ocd.run_shot.setup_telescope",
    "ocd.run_shot.exp_hetdex",
    "ocd.states.hetdex_allowed",
    HEARTBEAT_ENQUIRY,
)
"""What `ocd run` subscribes to by itself."""


class Named(NamedTuple):
    """An event under its OCD name, and the values that go with it."""

    name: str
    values: Mapping[str, Value]


def _state(machine: str, transition: str, states: tuple[str, str], message: str) -> Named:
    old, new = states
    values: dict[str, Value] = {
        "machine_name": machine,
        "transition": transition,
        "old_state": old,
        "new_state": new,
        "msg": message,
        "traceback": "",
    }
    return Named(STATE_CHANGED, values)


def _fell_silent(event: SystemFellSilent) -> Named:
    message = f"{event.system} said nothing for {event.allowed:g} s, since {iso(event.last_heard)}"
    return _state(f"silence.{event.system}", "fell_silent", ("speaking", "silent"), message)


def _spoke_again(event: SystemSpokeAgain) -> Named:
    silence = (event.time - event.silent_since) / MICROS
    message = f"{event.system} speaks again after {silence:.1f} s"
    return _state(f"silence.{event.system}", "spoke_again", ("silent", "speaking"), message)


NAMED: Mapping[type, Callable[[Any], Named]] = {
    SystemFellSilent: _fell_silent,
    SystemSpokeAgain: _spoke_again,
}
"""Event classes that OCD has a name for, beside `TcsEvent`; the others are not served."""


def as_tcs(event: Any, now: int) -> TcsEvent | None:
    """Return an event as OCD's listeners know it; none where it has no name there.

    `now` (µs UTC) is when it is sent. A TCS event keeps the times it came with.
    """
    if type(event) is TcsEvent:
        return event
    named = NAMED.get(type(event))
    if named is None:
        return None
    return _tcs_event(named(event), getattr(event, time_field(type(event))), now)


def heartbeat_reply(event: TcsEvent, now: int) -> TcsEvent | None:
    """Return the answer to "are you there?", with the enquiry's `id`; none to another event."""
    if event.topic != HEARTBEAT_ENQUIRY or "id" not in event.values:
        return None
    return _tcs_event(Named(HEARTBEAT_REPLY, {"id": event.values["id"]}), now, now)


def _tcs_event(named: Named, time: int, now: int) -> TcsEvent:
    system, source, key = named.name.split(".")
    return TcsEvent(time, now, system, source, key, False, named.values, {})
