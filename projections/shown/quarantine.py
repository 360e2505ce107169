"""Which records which readers passed over, and what was decided; their bytes stay in the log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import MetaData, Table

from projections import Change, Digest, Upsert, View
from projections.columns import MAX_TOPIC, instant, text, whole
from schemas.events.quarantine import QuarantineDropped, QuarantineRetried, RecordQuarantined
from schemas.nights import Nights
from schemas.record import AnyRecord
from schemas.topics import QUARANTINE

_STATUS = {
    RecordQuarantined: "quarantined",
    QuarantineDropped: "dropped",
    QuarantineRetried: "retried",
}
_LONG = 1000
_ID, _DIGEST = 36, 32
_QUARANTINED_AT = instant("quarantined_at", "when it was passed over; NULL if it never was")
_QUARANTINED_AT.nullable = True

RECORDS = Table(
    "quarantine",
    MetaData(),
    text("reader", 100, "the view or service that passed the record over", key=True),
    text("topic", MAX_TOPIC, "the record's topic, without namespace", key=True),
    whole("kafka_partition", "its partition", key=True),
    whole("kafka_offset", "its offset", key=True),
    whole("step", "how many events there were about the two before"),
    text("status", 11, "quarantined, dropped or retried"),
    text("reason", _LONG, "why the reader could not take it in"),
    text("record_id", _ID, "the record's id, a UUID; empty if its headers can't be read"),
    text("digest", _DIGEST, "digest of the record's key, value and headers"),
    text("who", 100, "who decided; empty while nobody has"),
    text("why", _LONG, "why it was dropped; empty otherwise"),
    _QUARANTINED_AT,
    instant("changed_at", "when the status became what it is"),
)


def view(_: Nights) -> View:
    """Return the view `quarantine`; its digest leaves out where the records stand."""
    return View(
        name="quarantine",
        version=1,
        topics=(QUARANTINE.name,),
        tables=(RECORDS,),
        project=project,
        digests=(Digest("quarantine", ("reader", "topic", "digest", "status"), ("step",)),),
    )


def project(record: AnyRecord) -> Sequence[Change]:
    """Each event says all there is to say; the newest about a record and a reader stands."""
    event: Any = record.event
    status = _STATUS.get(type(event))
    if status is None:
        return ()
    is_first = isinstance(event, RecordQuarantined)
    row = (
        record.provenance.seq,
        status,
        event.reason,
        (event.record_id or "")[:_ID],
        event.digest[:_DIGEST],
        getattr(event, "who", ""),
        getattr(event, "why", ""),
        event.time if is_first else event.quarantined,
        event.time,
    )
    key = (event.reader, event.topic, event.partition, event.offset)
    return (Upsert(RECORDS, key, row, "step"),)
