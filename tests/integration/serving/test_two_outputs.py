"""A service that writes two partitions, of which a crash has left one behind the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consumers import Service
from infra.broker import control
from infra.database import connect as connect_database
from infra.database.seats import Seat, SeatStore
from infra.log import reading, topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.partitioning import partition_of
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.serving.hearing import Ear
from infra.serving.keeping import Kept
from infra.serving.outputs import Outputs
from infra.serving.roles import of_service
from infra.serving.taking_over import Taken, take_over
from infra.serving.working import Around
from infra.settings import Settings
from schemas.events.services import DecisionFailed
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord, Provenance
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY, Topic

TWO = Topic(
    name="two",
    about="what is decided, by key",
    key="system.source.key",
    events=("TcsEvent", "ServiceTookOver", "DecisionFailed"),
    partitions=2,
)
PLACE = (OBSERVATORY.name, 0)
KEYS = {partition_of(f"a.b.{key}", 2): key for key in ("c", "d", "e", "f", "g", "h")}
"""For each partition a key that goes to it."""


@dataclass(frozen=True, slots=True)
class Count:
    ticks: int


def decide(state: Count, record: AnyRecord) -> Sequence[Any]:
    """At each tick, say its number in both partitions, twice in the second."""
    if not isinstance(record.event, TimePassed):
        return []
    return [said(record.time, KEYS[p], state.ticks) for p in (0, 1, 1)]


def evolve(state: Count, record: AnyRecord) -> Count:
    return Count(state.ticks + isinstance(record.event, TimePassed))


def said(time: int, key: str, number: int) -> TcsEvent:
    return TcsEvent(time, time, "a", "b", key, False, {"n": number}, {})


SERVICE = Service("counting", 1, (OBSERVATORY.name,), (), Count(0), decide, evolve)


class Instance:
    """One life of the service, in this process; what it forgets is lost as in a crash."""

    def __init__(self, cluster: Cluster, database: str, service: Service[Count] = SERVICE) -> None:
        self.cluster = cluster
        self.registry = Registry(cluster)
        self.outputs = Outputs(cluster, self.registry, [TWO])
        self.store = SeatStore(connect_database(database), cluster.namespace)
        self.store.create()
        hear = partial(Ear, cluster, self.registry)
        role = of_service(service, {}).role(Around(lambda _: True, hear, lambda: False))
        decoder = Decoder(self.registry)
        self.taken: Taken = take_over(cluster, decoder, self.store, role, self.outputs, PLACE)
        self._decode = decoder.record

    def adopt(self) -> None:
        """Handle what is on the log."""
        for record in self._records(self.taken.next_offset, self.taken.until):
            self.taken.post.handle(record, self.taken.recorded)
        self.outputs.flush()

    def keep(self) -> Seat:
        """Write a snapshot; return the seat as the database has it."""
        taken, ends = self.taken, self.outputs.ends()
        kept = Kept(taken.until, taken.seat.epoch, {}, ends, "", taken.post.state_bytes())
        row = taken.seat._replace(
            next_offset=taken.until, layout=SERVICE.layout, kept=kept.to_bytes()
        )
        assert self.store.keep(row)
        return row

    def _records(self, start: int, end: int) -> list[AnyRecord]:
        spans = {PLACE: [(start, end)]}
        return [self._decode(m) for batch in reading.messages(self.cluster, spans) for m in batch]

    def decided(self) -> list[tuple[TcsEvent, Provenance, tuple[str, int]]]:
        """Return what it would send from the beginning on."""
        found, state = [], SERVICE.initial
        for record in self._records(0, self.taken.until):
            for number, event in enumerate(decide(state, record)):
                seq = record.position.offset << 16 | number
                provenance = Provenance("counting/observatory/0", seq, cause=record.id, epoch=1)
                found.append((event, provenance, self.outputs.place_of(event)))
            state = evolve(state, record)
        return found


@pytest.fixture
def cluster(tmp_path: Path) -> Any:
    cluster = connect(Settings.model_validate({"log": {"data_dir": str(tmp_path / "log")}}))
    topics.ensure(cluster, [OBSERVATORY, TWO])
    yield cluster
    control.stop(tmp_path / "log")


def tick(cluster: Cluster, first: int, count: int) -> None:
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "ticks")
    for number in range(first, first + count):
        publisher.publish(TimePassed(1_000_000 * (1_000 + number)), seq=number)
    publisher.flush()


def written(cluster: Cluster) -> Iterator[AnyRecord]:
    """Yield what stands in both partitions, without what adds nothing."""
    places = [(TWO.name, 0), (TWO.name, 1)]
    spans = {place: [span] for place, span in reading.whole(cluster, places).items()}
    decode, repeats = Decoder(Registry(cluster)).record, Repeats()
    for batch in reading.messages(cluster, spans):
        yield from (record for record in map(decode, batch) if not repeats.has(record))


def numbers(cluster: Cluster) -> dict[int, list[int]]:
    """Return what was decided, by partition."""
    found: dict[int, list[int]] = {0: [], 1: []}
    for record in written(cluster):
        if isinstance(record.event, TcsEvent):
            found[record.position.partition].append(record.event.values["n"])  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(("first", "second"), [(10, 10), (10, 3), (3, 10), (10, 0), (0, 10)])
@pytest.mark.parametrize("half", [False, True])
def test_each_partition_goes_on_where_it_was_left(
    cluster: Cluster, sqlite_url: str, first: int, second: int, half: bool
) -> None:
    """The first life sent ticks up to `first` to one, to `second` to the other partition.

    `half`: of the second's last tick it sent one event of two.
    """
    one = Instance(cluster, sqlite_url)
    one.adopt()
    tick(cluster, 0, 10)
    one.taken.until = reading.whole(cluster, [PLACE])[PLACE][1]
    sent = {0: first, 1: 2 * second - (half and second > 0)}
    for event, provenance, place in one.decided():
        if sent[place[1]] > 0:
            one.outputs.send(one.outputs.encoded(event), provenance)
            sent[place[1]] -= 1
    one.outputs.flush()
    two = Instance(cluster, sqlite_url)
    two.adopt()
    assert numbers(cluster) == {0: list(range(10)), 1: [n for n in range(10) for _ in (0, 1)]}


def test_what_a_replaced_instance_still_sends_does_not_count(
    cluster: Cluster, sqlite_url: str
) -> None:
    one = Instance(cluster, sqlite_url)
    one.adopt()
    tick(cluster, 0, 10)
    two = Instance(cluster, sqlite_url)
    one.taken.until = two.taken.until
    for event, provenance, _ in one.decided():  # it does not know
        one.outputs.send(one.outputs.encoded(event), provenance)
    one.outputs.flush()
    assert numbers(cluster) == {0: [], 1: []}
    two.adopt()
    assert numbers(cluster) == {0: list(range(10)), 1: [n for n in range(10) for _ in (0, 1)]}


def test_a_database_put_back_from_an_older_copy_does_not_silence_it(
    cluster: Cluster, sqlite_url: str
) -> None:
    """Its epoch is one that the log has had: readers would take the instance for a replaced one."""
    first = Instance(cluster, sqlite_url)
    first.adopt()
    copy = first.keep()
    for life in range(3):
        tick(cluster, 2 * life, 2)
        one = Instance(cluster, sqlite_url)
        one.adopt()
        one.keep()
    row, table = copy._asdict(), one.store.table
    row["kafka_partition"] = row.pop("partition")
    with one.store.database.writing() as connection:
        connection.execute(table.update().values(row))
    tick(cluster, 6, 4)
    Instance(cluster, sqlite_url).adopt()
    assert numbers(cluster) == {0: list(range(10)), 1: [n for n in range(10) for _ in (0, 1)]}


def unsayable(state: Count, record: AnyRecord) -> Sequence[Any]:
    """Decide as ever, but for three ticks: too large, in no topic, of a wrong type."""
    events = list(decide(state, record))
    wrong = {
        2: replace(said(record.time, "z", 2), values={"n": "x" * TWO.max_bytes}),
        3: TimePassed(record.time),
        4: replace(said(record.time, "z", 4), values={"n": object()}),  # type: ignore[dict-item]
    }
    seq = record.provenance.seq
    return [*events, wrong[seq]] if events and seq in wrong else events


def test_what_can_not_be_sent_is_a_decision_that_failed(cluster: Cluster, sqlite_url: str) -> None:
    service = replace(SERVICE, decide=unsayable)
    Instance(cluster, sqlite_url, service).adopt()
    tick(cluster, 0, 10)
    for _ in range(2):  # the second adopts what the first has said
        Instance(cluster, sqlite_url, service).adopt()
        assert numbers(cluster)[0] == list(range(7))  # the state is as before the three
    failed = [r.event for r in written(cluster) if isinstance(r.event, DecisionFailed)]
    reasons = {event.offset: event.reason for event in failed}
    assert sorted(reasons) == [2, 3, 4]
    assert reasons[2].startswith("RecordTooLarge: The record has 1,048,")
    assert reasons[3].startswith("NotWritten: TimePassed is in no topic that is written")
