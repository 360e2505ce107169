"""Which records a reader of a partition passes over, because they add nothing.

Two rules, for each source within a partition, in the order of the log:

- a record whose seq is not above the highest before was written twice;
- a record whose epoch (decided ones and a service's settings have one) is below that of the newest
  take-over was written by an instance that had been replaced: stopped, and awake too late.

A take-over is a record of the source's *epoch line* (`epoch_line`), with the epoch as its seq; so
what a reader keeps is one number for each source, its high-water, and serves both.
"""

from collections.abc import Mapping, MutableMapping

from schemas.record import AnyRecord, Provenance

_LINE, _SETTINGS = "/epoch", "/settings"


def epoch_line(source: str) -> str:
    """Return the source under which the take-overs of a service's source are numbered.

    What the service says of its settings, under a source of its own, has the same.
    """
    return source.removesuffix(_SETTINGS) + _LINE


def settings_line(source: str) -> str:
    """Return the source under which a service numbers its settings, by epoch."""
    return source + _SETTINGS


def is_outdated(provenance: Provenance, high_waters: Mapping[str, int]) -> bool:
    """Whether a record's instance had been replaced; false for one without an epoch."""
    epoch = provenance.epoch
    return epoch is not None and epoch < high_waters.get(epoch_line(provenance.source), -1)


class Repeats:
    """Tells the records of partitions that add nothing to those before them.

    `high_waters` of a partition is what has to be kept to go on later.
    """

    def __init__(self) -> None:
        self._partitions: dict[tuple[str, int], MutableMapping[str, int]] = {}

    def has(self, record: AnyRecord) -> bool:
        """Whether the record, the next of its partition, adds nothing; take note of it."""
        waters = self._partitions.get(record.position[:2])
        if waters is None:
            waters = self._partitions[record.position[:2]] = {}
        return not is_news(record.provenance, waters)


def is_news(provenance: Provenance, high_waters: MutableMapping[str, int]) -> bool:
    """Whether a partition's next record adds something; its seq is the high-water then."""
    source, seq = provenance[:2]
    if is_outdated(provenance, high_waters) or seq <= high_waters.get(source, -1):
        return False
    high_waters[source] = seq
    return True
