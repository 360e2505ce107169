"""Which records a reader of a partition passes over, because they add nothing.

Two rules, for each source within a partition, in the order of the log:

- a record whose seq is not above the highest before was written twice;
- a record whose epoch (decided ones and a service's settings have one) is below that of the newest
  take-over was written by an instance that had been replaced: stopped, and awake too late.

What a replay carries from before its start (`Provenance.standing`) follows a third rule: its source
goes on behind it, often with lower numbers, so it raises no high-water. It is remembered by its id
instead (`stand`), among the high-waters too, and is a repeat when it comes again. What a service
said goes by the id alone: one that runs in the replay gives the same numbers to records of its own.

A take-over is a record of the source's *epoch line* (`epoch_line`), with the epoch as its seq; so
what a reader keeps is one number for each source, its high-water, and serves both.
"""

from collections.abc import Mapping, MutableMapping

from schemas.record import AnyRecord, Provenance

_LINE, _SETTINGS, _OPENING, _CLOSING = "/epoch", "/settings", "/opening", "/closing"

CASES = "quarantine/"
"""So the source begins of what is said of a reader and a record, which goes on with both."""

STOOD = "/standing"
"""The source of no record: it is among the high-waters of a partition of which records stood."""


def epoch_line(source: str) -> str:
    """Return the source under which the take-overs of a service's source are numbered.

    What the service says of its settings and of itself, under sources of its own, has the same. All
    that the instances that read a partition put in quarantine has one.
    """
    if source.startswith(CASES):
        source = source.rpartition("/")[0]
    for own in (_SETTINGS, _OPENING, _CLOSING):
        source = source.removesuffix(own)
    return source + _LINE


def settings_line(source: str) -> str:
    """Return the source under which a service numbers its settings, by epoch."""
    return source + _SETTINGS


def opening_line(source: str) -> str:
    """Return the source under which a service numbers its beginnings, by epoch."""
    return source + _OPENING


def closing_line(source: str) -> str:
    """Return the source under which a service numbers its ends, by epoch."""
    return source + _CLOSING


def standing_line(source: str) -> str:
    """Return the source under which the highest seq is kept of what stood of a source."""
    return source + STOOD


def goes_by_id(provenance: Provenance) -> bool:
    """Whether the high-water of a record's source says nothing of it: an old one of a service."""
    return provenance.standing and provenance.epoch is not None


def has_stood(provenance: Provenance, high_waters: Mapping[str, int]) -> bool:
    """Whether a record was there before as a standing one."""
    source, seq = provenance[:2]
    return seq <= high_waters.get(source + STOOD, -1) and _by_id(provenance) in high_waters


def stand(provenance: Provenance, high_waters: MutableMapping[str, int]) -> None:
    """Take note of a standing record."""
    source, seq = provenance[:2]
    line = standing_line(source)
    high_waters[line] = max(seq, high_waters.get(line, -1))
    high_waters[_by_id(provenance)] = seq
    high_waters[STOOD] = 1


def _by_id(provenance: Provenance) -> str:
    """Name a record by its id."""
    return f"{STOOD}/{provenance.id_bytes.hex()}"


def asked_of(provenance: Provenance) -> tuple[str, ...]:
    """Return every name under which a high-water says whether a record adds something."""
    source = provenance.source
    return source, epoch_line(source), STOOD, standing_line(source), _by_id(provenance)


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
    """Whether a partition's next record adds something; take note of it then."""
    source, seq = provenance[:2]
    if seq <= high_waters.get(source, -1) and not goes_by_id(provenance):
        return False
    if STOOD in high_waters and has_stood(provenance, high_waters):
        return False
    if provenance.standing:
        stand(provenance, high_waters)
        return True
    if is_outdated(provenance, high_waters):
        return False
    high_waters[source] = seq
    return True
