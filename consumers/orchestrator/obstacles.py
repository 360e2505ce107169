"""What keeps every shot back beside the rules: no list, a busy telescope, a clock that stands."""

from collections.abc import Sequence

from consumers.orchestrator.limits import Limits
from consumers.orchestrator.state import State
from schemas.events.orchestrator import Verdict
from schemas.utc import MICROS, iso

CLOCK, TELESCOPE, SHOT_LIST, SCHEDULER = "clock", "telescope", "shot_list", "scheduler"
NAMES = frozenset({CLOCK, TELESCOPE, SHOT_LIST, SCHEDULER})
"""Verdicts of these names are not kept, or not there; a record does not have what they rest on."""


def obstacles(state: State, time: int, limits: Limits) -> Sequence[Verdict]:
    """Return what is in the way of any shot at a true time (µs UTC)."""
    found = []
    behind = (max(time, state.heartbeat or 0) - state.time) / MICROS
    if behind > limits.heartbeat:
        ticked = f"is {behind:.0f} s behind TCS" if state.time else "never came"
        said = (
            f"the last tick {ticked}; at most {limits.heartbeat:g} s: does `evctl run clock` run, "
            "and is TCS's clock right?"
        )
        found.append(Verdict(CLOCK, False, said))
    busy = state.elsewhere
    if busy is not None and (state.time - busy.since) / MICROS <= busy.lasts:
        said = f"it is at {busy.shotid} since {iso(busy.since)}; a free one is needed."
        found.append(Verdict(TELESCOPE, False, said))
    if state.shots is None:
        said = "no list of shots is loaded: `evctl shot load FILE`."
        found.append(Verdict(SHOT_LIST, False, said))
    return found
