"""Records that a reader could not take in, and what people decided about them.

Each event says all there is to say about one record and one reader, so that the newest tells the
whole. `digest` is of the record's content: a decision holds for that content at that position, and
for no other record that may stand there in a log made anew.
"""

from collections.abc import Sequence
from typing import Annotated

from schemas.declare import REPORTED, Doc, Micros, event


@event(REPORTED)
class RecordQuarantined:
    """A reader could make nothing of a record, and passed it over."""

    time: Micros
    reader: Annotated[str, Doc("the view or service")]
    topic: Annotated[str, Doc("of the record, without namespace")]
    partition: int
    offset: int
    reason: str
    record_id: Annotated[str | None, Doc("a UUID, if its headers can be read")]
    digest: Annotated[str, Doc("of key, value and headers: BLAKE2b, 32 hexadecimal digits")]
    timestamp: Annotated[int, Doc("Kafka's, ms since 1970-01-01 UTC")]
    key: bytes | None
    value: Annotated[bytes | None, Doc("cut to what the topic takes")]
    size: Annotated[int, Doc("bytes of the whole value")]
    header_names: Sequence[str]
    header_values: Annotated[Sequence[bytes | None], Doc("as many as names")]

    @property
    def record_key(self) -> str:
        """The Kafka record key: the reader."""
        return self.reader


@event(REPORTED)
class ReaderTookOver:
    """An instance became the one that reads a partition for a view or service.

    What an instance of a lower epoch puts in quarantine behind it does not count: see
    `schemas.repeats`.
    """

    time: Micros
    reader: Annotated[str, Doc("the view or service")]
    topic: Annotated[str, Doc("without namespace")]
    partition: int
    epoch: Annotated[int, Doc("higher than that of every instance before")]

    @property
    def record_key(self) -> str:
        """The Kafka record key: the reader."""
        return self.reader


@event(REPORTED)
class QuarantineDropped:
    """Somebody decided that a reader does without a record: a rebuild passes it over."""

    time: Micros
    reader: Annotated[str, Doc("the view or service")]
    topic: Annotated[str, Doc("of the record, without namespace")]
    partition: int
    offset: int
    quarantined: Annotated[Micros | None, Doc("when; none if it never was")]
    reason: Annotated[str, Doc("why it was quarantined")]
    record_id: Annotated[str | None, Doc("a UUID, if its headers can be read")]
    digest: Annotated[str, Doc("of key, value and headers: BLAKE2b, 32 hexadecimal digits")]
    who: str
    why: str

    @property
    def record_key(self) -> str:
        """The Kafka record key: the reader."""
        return self.reader


@event(REPORTED)
class QuarantineRetried:
    """A reader that was made anew from the log has taken a record in."""

    time: Micros
    reader: Annotated[str, Doc("the view or service")]
    topic: Annotated[str, Doc("of the record, without namespace")]
    partition: int
    offset: int
    quarantined: Annotated[Micros | None, Doc("when; none if it never was")]
    reason: Annotated[str, Doc("why it was quarantined")]
    record_id: Annotated[str | None, Doc("a UUID, if its headers can be read")]
    digest: Annotated[str, Doc("of key, value and headers: BLAKE2b, 32 hexadecimal digits")]
    who: str

    @property
    def record_key(self) -> str:
        """The Kafka record key: the reader."""
        return self.reader
