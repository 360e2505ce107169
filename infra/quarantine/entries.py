"""A record that a reader passed over, and what the newest event about the two says."""

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, NamedTuple

from infra.log.reading import Message, Place
from infra.quarantine.errors import NotAPosition
from schemas.events.quarantine import QuarantineDropped, QuarantineRetried, RecordQuarantined
from schemas.record import Position
from schemas.repeats import CASES, epoch_line
from schemas.topics import bare_name, topic

_POSITION = re.compile(r"(?P<topic>[\w.-]+)\[(?P<partition>\d{1,9})\]@(?P<offset>\d{1,18})")


class Status(StrEnum):
    """What became of a record for a reader."""

    QUARANTINED = "quarantined"  # passed over, and nobody decided yet
    DROPPED = "dropped"  # passed over for good
    RETRIED = "retried"  # taken in by a reader that was made anew


_STATUS = {
    RecordQuarantined: Status.QUARANTINED,
    QuarantineDropped: Status.DROPPED,
    QuarantineRetried: Status.RETRIED,
}


class Case(NamedTuple):
    """A reader, and a record by its position; `topic` is without namespace."""

    reader: str
    topic: str
    partition: int
    offset: int

    @property
    def position(self) -> Position:
        """Where the record stands, in the notation of every message."""
        return Position(self.topic, self.partition, self.offset)

    def place(self, namespace: str) -> Place:
        """Return the partition as the cluster names it."""
        return topic(self.topic).full_name(namespace), self.partition

    @property
    def source(self) -> str:
        """Under which name the events about this case are numbered, from 0.

        So the id of each follows from reader, record and number, and of two writers at once, who
        both take the next number, the first is heard: readers drop the other's as a repeat.
        """
        return f"{CASES}{self.reader}/{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a case; `changed` and `quarantined` in µs UTC.

    `steps` is how many events there are about it. `at` is the offset, in the quarantine topic, of
    the newest event that holds the record's bytes; none if it was dropped by position.
    """

    case: Case
    status: Status
    reason: str
    record_id: str | None
    digest: str
    changed: int
    steps: int = 0
    quarantined: int | None = None
    at: int | None = None
    who: str = ""
    why: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether the reader does without the record."""
        return self.status is not Status.RETRIED


def case_of(reader: str, position: Position) -> Case:
    """Return the case of a reader and the record at a position with namespace."""
    name, partition, offset = position
    return Case(reader, bare_name(name), partition, offset)


def line_of(reader: str, place: Place) -> str:
    """Return the source under which the instances are numbered that read a partition."""
    return epoch_line(Case(reader, bare_name(place[0]), place[1], 0).source)


def is_about_a_case(event: Any) -> bool:
    """Whether an event says what became of a record for a reader."""
    return type(event) in _STATUS


def followed(old: Entry | None, event: Any, seq: int, at: int | None) -> Entry:
    """Return what a case is after one more event about it.

    `at` is where the event stands in the quarantine topic; none while that is not known.
    """
    status = _STATUS[type(event)]
    begins, kept = status is Status.QUARANTINED, None if old is None else old.at
    return Entry(
        case=Case(event.reader, event.topic, event.partition, event.offset),
        status=status,
        reason=event.reason,
        record_id=event.record_id,
        digest=event.digest,
        changed=event.time,
        steps=seq + 1,
        quarantined=event.time if begins else event.quarantined,
        at=at if begins else kept,
        who=getattr(event, "who", ""),
        why=getattr(event, "why", ""),
    )


def digest_of(message: Message) -> str:
    """Return the digest of a message's content: key, value and headers."""
    whole = blake2b(digest_size=16)
    headers = [part for name, value in message.headers() or () for part in (name.encode(), value)]
    for part in (message.key(), message.value(), *headers):
        length = -1 if part is None else len(part)
        whole.update(length.to_bytes(8, "big", signed=True))
        whole.update(part or b"")
    return whole.hexdigest()


def parse_position(text: str) -> Position:
    """Return the position that a text such as `observatory[0]@17` names; `NotAPosition`."""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise NotAPosition(text)
    name = topic(found["topic"]).name
    return Position(name, int(found["partition"]), int(found["offset"]))
