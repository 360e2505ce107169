"""Whatever a record does to a view, the others are applied, and it is refused once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, cast

import pytest
from confluent_kafka import Message as Kafka
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, select

from infra.database import Database, DatabaseAway, ViewStore, connect
from infra.log.batches import Batch, Fault
from infra.log.reading import Message, Place, Span
from infra.projecting.feeding import Feed
from infra.projecting.judging import Judge
from infra.quarantine.entries import Status, digest_of
from projections import Change, Increment, Insert, View
from projections.columns import text, whole
from projections.fold import Held
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord, Position, Provenance, Record

TOPIC, WIDTH = "het.observatory", 12
GOOD, BYTES = "good", "bytes"
FAULTS = ("raises", "null", "list", "column", "too long for it", BYTES)
KINDS = (GOOD, *FAULTS)


def fragile(value: str) -> str:
    """Make nothing of some values."""
    if value == "column":
        raise ZeroDivisionError("a fault of the column")
    return value


def derived(name: str) -> Column[Any]:
    column: Column[Any] = Column(name, String(WIDTH), nullable=False, comment="what is made of it")
    column.info["stored"] = fragile
    return column


TABLE = Table(
    "words",
    MetaData(),
    whole("kafka_partition", "where", key=True),
    whole("seq", "which", key=True),
    text("word", WIDTH, "a word"),
    derived("made"),
)


def project(record: AnyRecord) -> Sequence[Change]:
    """Do with a record what its event says."""
    word: Any = record.event.key
    if word == "raises":
        raise LookupError("a fault of the view")
    key = (record.position.partition, record.provenance.seq)
    wrong = {"null": None, "list": [1, 2]}
    return (Insert(TABLE, key, (wrong.get(word, word), word)),)


VIEW = View("words", 1, ("observatory",), (TABLE,), project)


class Recorded:
    """What is recorded of the view, which stays as it is."""

    def __init__(self, known: Mapping[Position, str]) -> None:
        self._known = known

    def refresh(self) -> None: ...

    def knows(self, reader: str) -> bool:
        return reader == VIEW.name and bool(self._known)

    def is_undisputed(self, reader: str, ends: Mapping[Place, int]) -> bool:
        return not self.knows(reader)

    def passed(
        self, reader: str, statuses: Collection[Status], spans: Mapping[Place, Span]
    ) -> Mapping[Position, str]:
        assert self.knows(reader)
        assert Status.DROPPED in statuses
        inside = {place: range(*span) for place, span in spans.items()}
        return {p: d for p, d in self._known.items() if p.offset in inside.get(p[:2], ())}


class Lenient(Judge):
    """Lets everything pass, and takes note of it."""

    statuses = (Status.DROPPED,)

    def __init__(self, known: Mapping[Position, str] | None = None) -> None:
        super().__init__(Recorded(known or {}), "het.")
        self.refused: list[tuple[Position, str]] = []

    def _refuse(self, view: str, faults: Sequence[Fault]) -> None:
        assert view == VIEW.name
        self.refused += [(fault.position, fault.reason) for fault in faults]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(connect(database_url)) as made:
        yield made


def message(partition: int, offset: int, kind: str) -> Message:
    value = kind.encode()
    made: Any = Kafka(topic=TOPIC, partition=partition, offset=offset, value=value)
    return cast("Message", made)


def batch_of(messages: Sequence[Message]) -> Batch:
    """Return a batch as it comes from the log: what is no record is a fault."""
    records, faults = [], []
    for one in messages:
        kind = (one.value() or b"").decode()
        if kind == BYTES:
            faults.append(Fault(one, "no record"))
            continue
        event = TcsEvent(0, 0, "tcs", "tracker", kind, more_data=False, values={}, original_text={})
        position = Position(TOPIC, one.partition(), one.offset())
        records.append(Record(event, Provenance("s", one.offset()), None, 0, position))
    return Batch(messages, records, faults)


def fed(database: Database, partitions: int, view: View = VIEW) -> Feed:
    """Return a feed with new tables that has taken partitions."""
    store = ViewStore(database, view, "het.")
    store.drop()
    store.create()
    feed = Feed(store)
    for number in range(partitions):
        row = store.take(TOPIC, number, "id")
        feed.held[TOPIC, number] = Held(row.epoch, row.next_offset)
    return feed


def shown(feed: Feed) -> list[tuple[int, int, str]]:
    (table,) = feed.store.tables.data.values()
    columns = table.c.kafka_partition, table.c.seq, table.c.word
    with feed.store.database.reading() as connection:
        rows = connection.execute(select(*columns).order_by(*columns)).all()
    return [(int(row[0]), int(row[1]), str(row[2])) for row in rows]


@given(data=st.data())
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_the_others_are_applied_and_each_fault_is_refused_once(
    database: Database, data: st.DataObject
) -> None:
    log = {number: data.draw(st.lists(st.sampled_from(KINDS), max_size=12)) for number in (0, 1)}
    turns = data.draw(st.permutations([number for number, kinds in log.items() for _ in kinds]))
    left = {number: iter(enumerate(kinds)) for number, kinds in log.items()}
    messages = [message(number, *next(left[number])) for number in turns]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=3)))
    chosen = data.draw(st.sets(st.sampled_from(range(len(messages) or 1)), max_size=4))
    wrong = data.draw(st.sets(st.sampled_from(sorted(chosen) or [0])))
    known = {
        Fault(one, "").position: "another" if number in wrong else digest_of(one)
        for number, one in enumerate(messages)
        if number in chosen
    }
    spared = {place for place, digest in known.items() if digest != "another"}

    feed, judge = fed(database, 2), Lenient(known)
    for start, end in zip([0, *cuts], [*cuts, len(messages)], strict=True):
        assert feed.apply(batch_of(messages[start:end]), judge)
        assert feed.apply(batch_of(messages[start:end]), judge)  # a repeat

    everything = [
        (Position(TOPIC, number, offset), kind)
        for number, kinds in log.items()
        for offset, kind in enumerate(kinds)
    ]
    wanted = [(p[1], p[2], GOOD) for p, kind in everything if kind == GOOD and p not in spared]
    refused = [p for p, kind in everything if kind != GOOD and p not in spared]
    assert shown(feed) == wanted
    assert sorted(place for place, _ in judge.refused) == refused
    assert judge.passed[VIEW.name] == len(spared)
    ends = {row.partition: row.next_offset for row in feed.store.positions().values()}
    assert ends == {number: len(kinds) for number, kinds in log.items()}


def test_the_reason_says_what_failed_and_where(database: Database) -> None:
    feed, judge = fed(database, 1), Lenient()
    assert feed.apply(batch_of([message(0, n, kind) for n, kind in enumerate(FAULTS)]), judge)
    reasons = {FAULTS[place.offset]: reason for place, reason in judge.refused}
    assert reasons["raises"].startswith("LookupError: a fault of the view (test_passing_over.py:")
    assert "does not take a row" in reasons["null"]
    assert "does not take a row" in reasons["list"]
    assert reasons["column"].startswith("ZeroDivisionError: a fault of the column")
    assert "has 15 characters, of which 12 are allowed" in reasons["too long for it"]
    assert reasons[BYTES] == "no record"


def test_a_sum_that_mariadb_has_no_room_for_is_the_fault_of_the_record_that_adds_last(
    mariadb_url: str,
) -> None:
    half = 2**62
    counts = Table("counts", MetaData(), whole("one", "1", key=True), whole("total", "a sum"))
    summing = View(
        "words",
        1,
        ("observatory",),
        (counts,),
        lambda _: [Increment(counts, (1,), {"total": half})],
    )
    with closing(connect(mariadb_url)) as database:
        feed, judge = fed(database, 1, summing), Lenient()
        for n in range(3):
            assert feed.apply(batch_of([message(0, n, GOOD)]), judge)
        assert [place.offset for place, _ in judge.refused] == [1, 2]


def test_only_records_are_at_fault_and_never_the_memory(database: Database) -> None:
    def exhausted(_: AnyRecord) -> Sequence[Change]:
        raise MemoryError

    feed, judge = fed(database, 1), Lenient()
    feed.store.view = View("words", 1, ("observatory",), (TABLE,), exhausted)
    with pytest.raises(MemoryError):
        feed.apply(batch_of([message(0, 0, GOOD)]), judge)
    assert judge.refused == []


def test_only_records_are_at_fault_and_never_the_database(sqlite_url: str) -> None:
    with closing(connect(sqlite_url)) as database, closing(connect(sqlite_url)) as holder:
        feed, judge = fed(database, 1), Lenient()
        with database.writing() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=10").close()
        with holder.writing(), pytest.raises(DatabaseAway):
            feed.apply(batch_of([message(0, 0, GOOD), message(0, 1, "null")]), judge)
        assert judge.refused == []
        assert feed.apply(batch_of([message(0, 0, GOOD), message(0, 1, "null")]), judge)
        assert shown(feed) == [(0, 0, GOOD)]


def test_many_faults_in_one_batch_are_found_in_a_moment(database: Database) -> None:
    feed, judge = fed(database, 1), Lenient()
    kinds = [GOOD, "raises", BYTES, "too long for it"] * 1000
    assert feed.apply(batch_of([message(0, n, kind) for n, kind in enumerate(kinds)]), judge)
    assert len(shown(feed)) == 1000
    assert len(judge.refused) == 3000
