"""Visits that shots have had, counted from the log as the orchestrator counts them."""

from collections.abc import Mapping

from consumers.orchestrator import NAME
from consumers.orchestrator.state import State, folded
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.orchestrating.decisions import Decisions
from infra.replay.kinds import Kinds
from schemas.events.services import ServiceTookOver
from schemas.events.shot_lists import ShotListLoaded
from schemas.events.shots import ShotFinished
from schemas.record import AnyRecord
from schemas.repeats import is_news
from schemas.restored import is_restored
from schemas.topics import OBSERVATORY

_MATTER = (ShotFinished, ShotListLoaded, ServiceTookOver)
"""The last one tells whose records count no more."""

_RUN_UP = 20_000
"""So many records before those that are counted say which of these are repeats."""


def visits_done(cluster: Cluster) -> Mapping[str, int]:
    """Return how often each shot was observed, by shotid.

    The newest decision says what was known then; only what came since is counted. A repeat of what
    is older than the run-up counts too, until the next decision.
    """
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    if place[0] not in topics.existing(cluster):
        return {}
    decision = next(filter(_is_of_this_log, Decisions(cluster).backwards()), None)
    if decision is None:
        return _counted(cluster, place, 0, {})
    known = decision.event
    return _counted(cluster, place, 1 + max(known.causes.values(), default=-1), known.visits)


def _is_of_this_log(decision: AnyRecord) -> bool:
    """Whether a decision's causes stand on this log; those of a replay's or an archive's do not."""
    provenance = decision.provenance
    return provenance.source.partition("/")[0] == NAME and provenance.replay is None


def _counted(
    cluster: Cluster, place: Place, start: int, before: Mapping[str, int]
) -> Mapping[str, int]:
    registry = Registry(cluster)
    decoder, kinds = Decoder(registry), Kinds(registry.decoder)
    low, end = reading.whole(cluster, [place])[place]
    state, high_waters = State(visits=before), dict[str, int]()
    for batch in reading.messages(cluster, {place: [(max(low, start - _RUN_UP), end)]}):
        for message in batch:
            if kinds.of(message) not in _MATTER:
                continue
            try:
                record = decoder.record(message)
            except Undecodable:  # the orchestrator has not taken it in either
                continue
            news = is_news(record.provenance, high_waters) and not is_restored(record.provenance)
            if news and message.offset() >= start:
                state = folded(state, record, NAME)
    return state.visits
