"""What the vaults say when it is asked: the sky over a window, and how the telescope stands."""

from collections.abc import Iterable, Mapping
from statistics import median

from consumers.orchestrator.limits import Limits
from consumers.orchestrator.machines import all_states
from consumers.orchestrator.state import State
from schemas.events.orchestrator import Conditions
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.utc import MICROS


def present(state: State, record: AnyRecord) -> int:
    """Return the true time that a record is decided about at, µs UTC.

    It is the time of TCS's events and of ticks; what people, workers and settings say has another
    clock's time in a replay, and counts from the last tick.
    """
    if isinstance(record.event, TcsEvent | TimePassed):
        return max(state.time, record.time)
    return state.time or record.time


def conditions(
    state: State, limits: Limits | None, time: int, states: Mapping[str, str]
) -> Conditions:
    """Return what is known at a true time (µs UTC): medians of the measurements in the window."""
    oldest = time - round((limits.window if limits else 0) * MICROS)
    recent = [one for one in state.measurements if one.time > oldest]
    return Conditions(
        now=state.now,
        seeing=_median(one.seeing for one in recent),
        transparency=_median(one.transparency for one in recent),
        sky_brightness=_median(
            one.sky_brightness for one in recent if one.sky_brightness is not None
        ),
        measurements=len(recent),
        newest=max((one.time for one in recent), default=None),
        azimuth=state.azimuth,
        heartbeat=state.heartbeat,
        states=all_states(states),
        time=time,
    )


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
