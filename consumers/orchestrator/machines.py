"""The state machines of the orchestrator, as tables: what can happen in each state, and where to.

`docs/explanation/orchestrator.md` has them as a picture, which a test holds against these tables.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Machine(NamedTuple):
    """A machine: its name, where it begins, and the state after a transition in a state."""

    name: str
    initial: str
    table: Mapping[tuple[str, str], str]

    def after(self, state: str, transition: str) -> str | None:
        """Return the state after a transition; none where the machine does not know it."""
        return self.table.get((state, transition))


GIVE_UP = "give_up"
"""The transition of a shot that is given up before it began."""

RUN_SHOT = Machine(
    "run_shot",
    "idle",
    {
        ("idle", "ask_scheduler"): "scheduling",
        ("idle", "choose"): "numbering",
        ("idle", "imagine"): "imagined",
        ("idle", "begin"): "setting_up",
        ("scheduling", "choose"): "numbering",
        ("scheduling", "imagine"): "imagined",
        ("scheduling", GIVE_UP): "idle",
        ("numbering", "submit"): "requested",
        ("numbering", GIVE_UP): "idle",
        ("imagined", "finish"): "idle",
        ("requested", "begin"): "setting_up",
        ("requested", GIVE_UP): "idle",
        ("requested", "finish"): "idle",
        ("setting_up", "expose"): "exposing",
        ("setting_up", "finish"): "idle",
        ("exposing", "finish"): "idle",
    },
)
"""What becomes of the shot in hand; `imagined` is one of an orchestrator that only listens."""

METROLOGY = Machine(
    "metrology",
    "unknown",
    {
        ("unknown", "improve"): "good",
        ("unknown", "worsen"): "bad",
        ("good", "worsen"): "bad",
        ("good", "lose"): "unknown",
        ("bad", "improve"): "good",
        ("bad", "lose"): "unknown",
    },
)
"""What the guiders say of the sky: not enough, or too old, is unknown."""

HETDEX_ALLOWED = Machine(
    "hetdex_allowed",
    "forbidden",
    {("forbidden", "allow"): "allowed", ("allowed", "forbid"): "forbidden"},
)
"""Whether people allow shots."""

TCS = Machine("tcs", "silent", {("silent", "hear"): "speaking", ("speaking", "lose"): "silent"})
"""Whether the telescope control system sends its heartbeat."""

META = Machine(
    "meta",
    "not_satisfied",
    {
        ("not_satisfied", "satisfy"): "satisfied",
        ("satisfied", "dissatisfy"): "not_satisfied",
    },
)
"""Whether every other machine is where a shot needs it."""

WANTED: Mapping[str, str] = {
    RUN_SHOT.name: "idle",
    METROLOGY.name: "good",
    HETDEX_ALLOWED.name: "allowed",
    TCS.name: "speaking",
}

MACHINES = {each.name: each for each in (RUN_SHOT, METROLOGY, HETDEX_ALLOWED, TCS, META)}


def all_states(states: Mapping[str, str]) -> Mapping[str, str]:
    """Return the state of every machine; one that never moved is where it begins."""
    return {name: states.get(name, machine.initial) for name, machine in MACHINES.items()}
