"""Where a night's records are, those among them that no table could take in.

What does not decode is in no table, and so not in the night index either: where it stands, the
topic `quarantine` says.
"""

from collections.abc import Mapping, Sequence

from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.quarantine.fates import Fates
from infra.windows import NightIndex, joined
from schemas.topics import topic


def quarantined(
    cluster: Cluster, registry: Registry, index: NightIndex
) -> Mapping[Place, set[int]]:
    """Return the offsets of what was ever quarantined, of any night, as far as the log has it."""
    fates = Fates(cluster, registry)
    fates.refresh()
    found: dict[Place, set[int]] = {}
    for case in fates.entries:
        place = topic(case.topic).full_name(cluster.namespace), case.partition
        low, end = index.ends.get(place, (0, 0))
        if low <= case.offset < end:
            found.setdefault(place, set()).add(case.offset)
    return found


def with_others(
    ranges: Mapping[Place, Sequence[Span]], others: Mapping[Place, set[int]]
) -> Mapping[Place, list[Span]]:
    """Return ranges that have single offsets, too; of both, only some records are the night's."""
    spans: dict[Place, list[Span]] = {place: list(given) for place, given in ranges.items()}
    for place, offsets in others.items():
        spans.setdefault(place, []).extend((offset, offset + 1) for offset in offsets)
    return {place: joined(sorted(given)) for place, given in spans.items()}
