"""An orchestrator that only listens: it says what it would do, and does nothing.

It is a service of its own, so that it can run beside the orchestrator.
"""

from functools import partial

from consumers import Service
from consumers.orchestrator.deciding import decide
from consumers.orchestrator.limits import SECTION
from consumers.orchestrator.state import State, folded
from schemas.topics import OBSERVATORY

NAME = "listener"


def service() -> Service[State]:
    """Return the service `listener`."""
    return Service(
        name=NAME,
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        initial=State(),
        decide=partial(decide, service=NAME, listens=True),
        evolve=partial(folded, service=NAME),
        section=SECTION,
    )
