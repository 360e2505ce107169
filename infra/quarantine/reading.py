"""Records by their position, and the bytes that the quarantine topic has of one."""

from typing import cast

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.quarantine.entries import Case, Entry, Status, digest_of
from infra.quarantine.errors import AlreadyDropped, NoSuchRecord, NotInQuarantine
from infra.quarantine.fates import Fates
from infra.quarantine.writing import fresh_entry
from schemas.events.quarantine import RecordQuarantined
from schemas.record import Position
from schemas.topics import QUARANTINE, topic


def message_at(cluster: Cluster, position: Position) -> Message:
    """Return the message at a position with namespace; raise `NoSuchRecord`."""
    name, partition, offset = position
    if name not in topics.existing(cluster):
        raise NoSuchRecord(position)
    if partition >= topics.describe(cluster, [name])[name].partitions:
        raise NoSuchRecord(position)
    low, end = reading.whole(cluster, [(name, partition)])[name, partition]
    if low <= offset < end:
        for batch in reading.messages(cluster, {(name, partition): [(offset, offset + 1)]}):
            return batch[0]
    raise NoSuchRecord(position)  # or it was removed, or is the marker of a transaction


def bytes_of(cluster: Cluster, registry: Registry, entry: Entry) -> RecordQuarantined:
    """Return the event that holds a record's bytes; raise `NotInQuarantine`."""
    if entry.at is None:
        raise NotInQuarantine(entry.case.reader, entry.case.position)
    where = Position(QUARANTINE.full_name(cluster.namespace), 0, entry.at)
    record = Decoder(registry).record(message_at(cluster, where))
    return cast("RecordQuarantined", record.event)


def to_drop(cluster: Cluster, fates: Fates, case: Case) -> Entry:
    """Return the entry of a record that is to be dropped; it need not be in quarantine.

    A rebuild may stop at a record that the view took in when it was another version. Raises
    `AlreadyDropped`, or `NoSuchRecord` where the log has none.
    """
    name = topic(case.topic).full_name(cluster.namespace)
    message = message_at(cluster, Position(name, case.partition, case.offset))
    known = fates.entries.get(case)
    if known is None or known.digest != digest_of(message):
        return fresh_entry(case, message, known)
    if known.status is Status.DROPPED:
        raise AlreadyDropped(case.reader, case.position, known.who, known.why)
    return known
