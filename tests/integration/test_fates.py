"""What the quarantine topic says, however often and in whatever order it was written and read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.clock import fresh_id
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.quarantine.entries import Case, Status, digest_of
from infra.quarantine.fates import Fates
from infra.quarantine.writing import Quarantine
from infra.settings import Settings
from schemas.record import Position
from schemas.topics import OBSERVATORY, QUARANTINE
from tests.integration.replay_log import MIDNIGHT, read, tcs

READER = "tcs_events"
PASSED = (Status.QUARANTINED, Status.DROPPED)


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A log: our own, and Apache Kafka's."""
    folder: Path = tmp_path_factory.mktemp("fates")
    if request.param == "kafka":
        servers = request.getfixturevalue("kafka_servers").bootstrap_servers
        yield connect(Settings.model_validate({"log": {"bootstrap_servers": servers}}))
        return
    yield connect(Settings.model_validate({"log": {"data_dir": str(folder / "log")}}))
    control.stop(folder / "log")


@pytest.fixture
def cluster(log: Cluster) -> Cluster:
    """A log with a namespace that nobody has used."""
    return log.in_namespace(f"fates{fresh_id()}.")


@pytest.fixture
def bad(cluster: Cluster) -> list[Message]:
    """Three messages on a log whose quarantine topic is not there yet."""
    topics.ensure(cluster, [OBSERVATORY])
    producer = Producer(cluster)
    for n in range(3):
        name, headers = place(cluster)[0], [("src", b"dome:%d" % n)]
        producer.send(name, bytes([9, n]), None, 0, MIDNIGHT // 1000, headers)
    producer.flush()
    return read(cluster, OBSERVATORY)


def place(cluster: Cluster) -> tuple[str, int]:
    return OBSERVATORY.full_name(cluster.namespace), 0


def spans(cluster: Cluster) -> dict[tuple[str, int], tuple[int, int]]:
    return {place(cluster): (0, 3)}


def case(offset: int) -> Case:
    return Case(READER, OBSERVATORY.name, 0, offset)


def fresh(cluster: Cluster) -> Fates:
    fates = Fates(cluster, Registry(cluster))
    fates.refresh()
    return fates


def test_nothing_is_known_without_a_topic(cluster: Cluster, bad: list[Message]) -> None:
    assert fresh(cluster).entries == {}


def test_what_is_put_twice_is_there_once(cluster: Cluster, bad: list[Message]) -> None:
    one, other = (Quarantine(cluster, Registry(cluster)) for _ in range(2))
    assert one.put_all(READER, [(m, "a reason") for m in reversed(bad)]) == 3
    assert one.put_all(READER, [(m, "a reason") for m in bad]) == 0
    other.put(READER, bad[0], "another reason")
    assert len(read(cluster, QUARANTINE)) == 3
    fates = fresh(cluster)
    assert fates.passed(READER, PASSED, spans(cluster)) == {
        Position(*place(cluster), m.offset()): digest_of(m) for m in bad
    }
    entry = fates.entries[case(1)]
    assert (entry.reason, entry.status, entry.steps) == ("a reason", Status.QUARANTINED, 1)
    assert entry.record_id is not None
    assert fates.passed("another", PASSED, spans(cluster)) == {}


def test_of_two_who_decide_at_once_the_first_is_heard(cluster: Cluster, bad: list[Message]) -> None:
    one, other = (Quarantine(cluster, Registry(cluster)) for _ in range(2))
    one.put(READER, bad[0], "a reason")
    other.fates.refresh()
    entry = other.fates.entries[case(0)]
    one.drop(one.fates.entries[case(0)], "maria", "a test")
    other.retried([entry], "otto")
    other.fates.refresh()
    for fates in (fresh(cluster), other.fates):
        found = fates.entries[case(0)]
        assert (found.status, found.who, found.why) == (Status.DROPPED, "maria", "a test")
        assert (found.quarantined, found.at) == (entry.quarantined, 0)


def test_a_record_may_fail_again_after_it_was_retried(cluster: Cluster, bad: list[Message]) -> None:
    quarantine = Quarantine(cluster, Registry(cluster))
    for reason in ("first", "second", "third"):
        quarantine.put(READER, bad[2], reason)
        quarantine.put(READER, bad[0], reason)
        fates = fresh(cluster)
        assert {fates.entries[case(n)].reason for n in (0, 2)} == {reason}
        assert len(list(fates.waiting(READER))) == 2
        quarantine.retried(quarantine.fates.waiting(READER), "maria")
        assert list(fresh(cluster).waiting()) == []
    assert fresh(cluster).entries[case(0)].steps == 6


def test_what_is_no_entry_is_passed_over(cluster: Cluster, bad: list[Message]) -> None:
    registry = Registry(cluster)
    quarantine = Quarantine(cluster, registry)
    quarantine.put(READER, bad[0], "a reason")
    producer = Producer(cluster)
    producer.send(QUARANTINE.full_name(cluster.namespace), b"\xff", None, 0, 1, [])
    producer.flush()
    Publisher(cluster, registry, OBSERVATORY, "s").publish(tcs(MIDNIGHT))
    quarantine.put(READER, bad[1], "a reason")
    assert len(fresh(cluster).entries) == 2


def test_rows_that_were_kept_hold_until_something_is_decided(
    cluster: Cluster, bad: list[Message]
) -> None:
    quarantine = Quarantine(cluster, Registry(cluster))
    fates = quarantine.fates
    quarantine.put(READER, bad[1], "a reason")
    put = fates.entries[case(1)].changed
    assert fates.is_as_of(READER, {place(cluster): 2}, put)
    assert not fates.is_as_of(READER, {place(cluster): 2}, put - 1)
    assert fates.is_as_of(READER, {place(cluster): 1}, put - 1)
    assert fates.is_as_of("another", {place(cluster): 2}, put - 1)
    quarantine.drop(fates.entries[case(1)], "maria", "a test")
    assert not fates.is_as_of(READER, {place(cluster): 2}, put)
    assert fates.is_as_of(READER, {place(cluster): 2}, fates.entries[case(1)].changed)
