"""A wish of people, in three steps: they ask, the orchestrator answers, and they make it so.

Only the third record has an effect, and who asks appends it only after an answer that came in time.
So what was not confirmed is never carried out, not even by an orchestrator that starts hours later
and reads the question then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from infra.clock import fresh_id, utc_micros
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.namespaces import in_words, replay_of, simulation_of
from infra.present import present
from infra.serving.hearing import Ear
from infra.settings import Settings
from infra.signals import Stop
from schemas.errors import EvctlError
from schemas.events.orchestrator import OrchestratorAnswered, OrchestratorAsked
from schemas.record import Position
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

_LOOK_S = 0.02


class NoOrchestrator(EvctlError):
    """Nobody answered, so that nothing was done."""

    exit_code = 69

    def __init__(self, namespace: str, seconds: float) -> None:
        run = "evctl run orchestrator"
        where = namespace.rstrip(".")
        super().__init__(
            f"No orchestrator answered in {in_words(namespace)} within {seconds:.3g} s, and "
            "nothing is changed, now or later: start one "
            f"(`{run}{f' --namespace {where}' * bool(where)}`) "
            "and ask again."
        )
        self.namespace, self.seconds = namespace, seconds


class NotAgreed(EvctlError):
    """The orchestrator does not agree."""

    exit_code = 65

    def __init__(self, wish: str, reason: str) -> None:
        super().__init__(f"The orchestrator refused {wish}: {reason}. Nothing is changed.")
        self.wish, self.reason = wish, reason


class Question(NamedTuple):
    """What is asked: see `OrchestratorAsked`."""

    about: str
    wish: str
    who: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How often it is asked, and the seconds between; a question lives until the last are over."""

    attempts: int = 5
    interval: float = 1.0

    @property
    def seconds(self) -> float:
        """How long the answer is waited for."""
        return self.attempts * self.interval


class Asker:
    """Asks the orchestrator of a log, and says what is to be so."""

    def __init__(self, site: Settings, cluster: Cluster) -> None:
        self._site, self._cluster, self._registry = site, cluster, Registry(cluster)
        self._token = fresh_id()
        topics.ensure(cluster, [OBSERVATORY])
        source = f"asker-{self._token}"
        self._log = Publisher(cluster, self._registry, OBSERVATORY, source, linger_ms=0)

    def ask(self, question: Question, patience: Patience, stop: Stop) -> OrchestratorAnswered:
        """Return the answer; raise `NoOrchestrator` where none comes in time.

        It is asked at each attempt: an orchestrator that starts the first time ever passes over
        what was asked before.
        """
        place = OBSERVATORY.full_name(self._cluster.namespace), 0
        end, now = reading.whole(self._cluster, [place])[place][1], utc_micros()
        until = now + round(patience.seconds * MICROS)
        ear = Ear(self._cluster, self._registry, Position(*place, end - 1), (OrchestratorAnswered,))
        try:
            for attempt in range(1, patience.attempts + 1):
                self._log.publish(OrchestratorAsked(self._now(), self._token, *question, until))
                self._log.flush()
                answer = self._heard(ear, now + round(attempt * patience.interval * MICROS), stop)
                if answer is not None:
                    return answer
                if stop.requested:
                    break
        finally:
            ear.close()
        waited = min(patience.seconds, (utc_micros() - now) / MICROS)  # it may have been stopped
        raise NoOrchestrator(self._cluster.namespace, waited)

    def _heard(self, ear: Ear, until: int, stop: Stop) -> OrchestratorAnswered | None:
        """Return the answer, None where none comes until then (µs UTC)."""
        while utc_micros() < until and not stop.requested:
            for record in ear.heard():
                if record.event.token == self._token:
                    return record.event  # type: ignore[no-any-return]  # by its class
            self._cluster.check()
            stop.wait(_LOOK_S)
        return None

    def agreed(
        self,
        question: Question,
        patience: Patience,
        stop: Stop,
        said: Callable[[int, str], Any],
    ) -> OrchestratorAnswered:
        """Ask, and append what is `said` at a time with the token, once the answer agrees.

        Raises `NotAgreed` or `NoOrchestrator`; then nothing was appended.
        """
        answer = self.ask(question, patience, stop)
        if not answer.agrees:
            raise NotAgreed(question.wish, answer.reason)
        self._log.publish(said(self._now(), self._token))
        self._log.flush()
        return answer

    def _now(self) -> int:
        """Return the time of a record of ours: in a replay or a simulation it is its own."""
        namespace = self._cluster.namespace
        if replay_of(namespace) is None and simulation_of(namespace) is None:
            return utc_micros()
        return present(self._site).time
