"""An orchestrator that only listens: it says what it would do, and does nothing.

It is a service of its own, so that it can run beside the orchestrator.
"""

from dataclasses import replace
from functools import partial

from consumers import Service, orchestrator
from consumers.orchestrator.deciding import decide
from consumers.orchestrator.limits import SECTION
from consumers.orchestrator.state import State, folded

NAME = "listener"


def service() -> Service[State]:
    """Return the service `listener`."""
    return replace(
        orchestrator.service(),
        name=NAME,
        decide=partial(decide, service=NAME, listens=True),
        evolve=partial(folded, service=NAME),
        opening=None,
        closing=None,
        section=SECTION,
    )
