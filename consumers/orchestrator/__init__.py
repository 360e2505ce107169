"""The orchestrator: it listens to the telescope, chooses shots and has them run."""

from functools import partial

from consumers import Service
from consumers.orchestrator.deciding import decide
from consumers.orchestrator.state import State, folded
from schemas.events.orchestrator import OrchestratorStarted, OrchestratorStopped
from schemas.topics import OBSERVATORY

NAME = "orchestrator"


def service() -> Service[State]:
    """Return the service `orchestrator`."""
    return Service(
        name=NAME,
        version=2,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        initial=State(),
        decide=partial(decide, service=NAME, listens=False),
        evolve=partial(folded, service=NAME),
        opening=_opening,
        closing=_closing,
    )


def _opening(state: State, now: int) -> OrchestratorStarted:
    """Say that an instance began; it goes on where one ended that had not said so."""
    return OrchestratorStarted(now, recovery=state.running)


def _closing(state: State, now: int) -> OrchestratorStopped:
    pending = state.pending
    at_telescope = pending is not None and pending.order is not None
    return OrchestratorStopped(now, pending.request if pending and at_telescope else "")
