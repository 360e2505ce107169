"""Whether an orchestrator is there: it is asked, through the log."""

from infra.clock import fresh_id, utc_micros
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.serving.hearing import Ear
from infra.signals import Stop
from infra.telescope.under_way import place_of
from schemas.errors import EvctlError
from schemas.events.orchestrator import PRESENCE, OrchestratorAnswered, OrchestratorAsked
from schemas.record import Position
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

_LOOK_S = 0.05


class NoOrchestrator(EvctlError):
    """Nobody answered who was to be waited for."""

    exit_code = 69

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"No orchestrator answered within {seconds:g} s, and nothing was requested: start one "
            "(`evctl run orchestrator`), wait longer with -t, or leave -c away."
        )
        self.seconds = seconds


def await_orchestrator(
    cluster: Cluster, registry: Registry, who: str, seconds: float, stop: Stop
) -> None:
    """Wait for an answer, or for a stop; raise `NoOrchestrator`."""
    place = place_of(cluster)
    end, token = reading.whole(cluster, [place])[place][1], fresh_id()
    now = utc_micros()
    until = now + round(seconds * MICROS)
    ear = Ear(cluster, registry, Position(*place, end - 1), (OrchestratorAnswered,))
    try:
        asker = Publisher(cluster, registry, OBSERVATORY, f"asker-{token}", linger_ms=0)
        asker.publish(OrchestratorAsked(now, token, PRESENCE, "", who, until))
        asker.flush()
        while utc_micros() < until:
            if any(record.event.token == token for record in ear.heard()) or stop.wait(_LOOK_S):
                return
            cluster.check()
    finally:
        ear.close()
    raise NoOrchestrator(seconds)
