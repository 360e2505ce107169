"""The last known values as seals keep them: where a replay in the middle of the log begins."""

from collections.abc import Iterator, Sequence

from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.cue import Cue
from infra.replay.parts import Part
from infra.replay.standing import Base, Holding, Rank, Standing, standing
from infra.replay.tape import Tape
from infra.sealing.contents import Seal, SealedStanding, Standings
from infra.sealing.records import Seals
from infra.windows import NightIndex, Window
from schemas.topics import RECORDED, bare_name, topic

_MOST = 200_000
"""Records in a list: a log whose values never repeat has more, and its seals have none."""


def before(
    cluster: Cluster, registry: Registry, window: Window, cue: Rank | None = None
) -> list[Message]:
    """Return what holds where a window begins, or at a place in it: from a seal and the log."""
    known = bases(cluster, Seals(cluster, registry).all())
    return [message for _, message in standing(cluster, registry, window, cue, known)]


def of_part(cluster: Cluster, registry: Registry, part: Part, cue: Cue | None) -> list[Message]:
    """Return what holds where a part of a replay begins, or at a place in it.

    A tape's is in what the tape has before that place, and knows of earlier: it may be of no log.
    """
    if not isinstance(part, Tape):
        return before(cluster, registry, part, cue)
    holding = Holding(registry)
    holding.add(part.earlier())
    holding.begin_anew()
    holding.add(part.message(number) for number in range(part.find(cue, 0)))
    return [message for _, message in holding.kept()]


def bases(cluster: Cluster, seals: Sequence[Seal]) -> Iterator[Base]:
    """Yield what seals have of the topics that are on the log today."""
    names = [declared.full_name(cluster.namespace) for declared in RECORDED]
    there = set(topics.existing(cluster))
    real = topics.describe(cluster, [name for name in names if name in there])
    ids = {name: found.id for name, found in real.items()}
    for seal in seals:
        if seal.standings is None or not _is_of(seal, cluster, ids):
            continue
        closing = {part.place(cluster.namespace): part.closing for part in seal.partitions}
        for kept, whole in ((seal.standings.night, False), (seal.standings.log, True)):
            offsets = {
                (topic(name).full_name(cluster.namespace), partition): numbers
                for name, partition, numbers in kept.places
            }
            said = f"the seal of {seal.night}, version {seal.version}"
            yield Base(said, kept.until, whole, closing, offsets)


def _is_of(seal: Seal, cluster: Cluster, ids: dict[str, str]) -> bool:
    """Whether a seal is of the topics that are there; one made anew has other records."""
    return all(
        ids.get(part.place(cluster.namespace)[0]) == part.topic_id
        for part in seal.partitions
        if part.closing
    )


def standings(
    cluster: Cluster, registry: Registry, seals: Sequence[Seal], index: NightIndex, night: str
) -> Standings | None:
    """Return what a night's seal keeps, of all that stands before the index's ends.

    None where it were too much.
    """
    _, end = index.nights.bounds(night)
    known = list(bases(cluster, seals))
    of_night = standing(cluster, registry, index.before(end), bases=known)
    everything = Window({}, name="the log's end", earlier=lambda _: index.whole())
    of_log = standing(cluster, registry, everything, bases=known)
    if len(of_night) + len(of_log) > _MOST:
        return None
    until = max((said.time for said in of_log), default=end - 1) + 1
    return Standings(_listed(of_night, end), _listed(of_log, until))


def _listed(found: Sequence[Standing], until: int) -> SealedStanding:
    offsets: dict[tuple[str, int], list[int]] = {}
    for _, message in found:
        place = bare_name(message.topic()), message.partition()
        offsets.setdefault(place, []).append(message.offset())
    return SealedStanding(until, tuple((*place, tuple(n)) for place, n in sorted(offsets.items())))
