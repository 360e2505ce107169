"""Answers to people who ask the orchestrator for something."""

from consumers.orchestrator.choosing import in_force
from consumers.orchestrator.limits import SECTION, fits
from consumers.orchestrator.machines import all_states
from consumers.orchestrator.state import State
from consumers.orchestrator.vaults import present
from schemas.events.orchestrator import ALLOWANCE, OPTION, PRESENCE, OrchestratorAnswered
from schemas.record import AnyRecord

HEEDED = SECTION, "run_shot"
"""Sections whose options the orchestrator heeds when they are sent."""


def answer(state: State, record: AnyRecord) -> OrchestratorAnswered:
    """Return the answer to an `OrchestratorAsked`."""
    asked = record.event
    if asked.about == OPTION:
        refusal = _refusal(state, asked.wish)
    elif asked.about in {ALLOWANCE, PRESENCE}:
        refusal = ""
    else:
        refusal = f"the orchestrator knows nothing of {asked.about!r}"
    reason = refusal or ", ".join(f"{k}: {v}" for k, v in all_states(state.states).items())
    return OrchestratorAnswered(present(state, record), asked.token, not refusal, reason)


def _refusal(state: State, wish: str) -> str:
    """Return why an option (`SECTION.OPTION=VALUE`) can't be changed; empty if it can."""
    name, _, value = wish.partition("=")
    section, _, option = name.partition(".")
    if section not in HEEDED:
        return f"the orchestrator heeds {' and '.join(HEEDED)}, not {section!r}"
    return fits(in_force(state), option, value) if section == SECTION else ""
