"""Records that views can not take in: set aside, looked at, retried, dropped, never in the way."""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.quarantine.writing import Quarantine
from producers import Entry
from producers.formats import writer_for
from schemas import framing
from schemas.avro import schema_id
from schemas.record import reported
from schemas.topics import ALERTS, OBSERVATORY, QUARANTINE, TOPICS
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.replay_log import MIDNIGHT, publish, read, tcs
from tests.waiting import until

SECOND = 1_000_000
READERS = ["night_index", "night_summary", "tcs_activity", "tcs_events", "tcs_latest"]
FOREIGN = b"\xffnot a record\x00"
UNKNOWN = framing.prefix(77) + b"\x02"


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Iterator[Stage]:
    """A site of its own."""
    with on_stage(tmp_path / "site", database={"url": sqlite_url}) as stage:
        yield stage


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site of its own, on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        yield stage


def append(cluster: Cluster, source: str, first: int, last: int) -> None:
    """Append an event a second."""
    publish(cluster, (MIDNIGHT + n * SECOND for n in range(first, last)), source)


def send(cluster: Cluster, *values: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
    """Append values to `observatory` as a client does that knows nothing of records."""
    topics.ensure(cluster, [OBSERVATORY])
    producer = Producer(cluster)
    for value in values:
        name = OBSERVATORY.full_name(cluster.namespace)
        producer.send(name, value, b"\xfe key", 0, MIDNIGHT // 1000, list(headers))
    producer.flush()


def listed(stage: Stage, *words: str, namespace: str = "") -> list[dict[str, Any]]:
    """Return what the list says, as JSON."""
    front = ("--namespace", namespace) if namespace else ()
    lines = stage.done(*front, "quarantine", "list", "--json", *words).splitlines()
    return [json.loads(line) for line in lines]


def poisoned(stage: Stage) -> None:
    """Make a log of six events with two records among them that are none, and its tables.

    Ten are put in quarantine, since five views read them, and the sixth shows those.
    """
    append(stage.cluster, "before", 0, 3)
    send(stage.cluster, FOREIGN, UNKNOWN)
    append(stage.cluster, "after", 3, 6)
    said = stage.done("run", "projections", "--once")
    assert said == (
        "16 records applied to 6 views; 10 put in quarantine: see `evctl quarantine list`\n"
    )


def agree(stage: Stage, *words: str) -> dict[str, int]:
    """See that all tables agree with the log; return how many records each does without."""
    found = json.loads(stage.done("verify", "all", "--json", *words))
    assert found["agrees"]
    return {view["view"]: view["passed_over"] for view in found["views"]}


def test_what_does_not_decode_is_set_aside_for_each_view(either: Stage) -> None:
    stage = either
    poisoned(stage)
    assert stage.rows("SELECT count(*) FROM tcs_events") == [(6,)]
    found = listed(stage)
    assert [(e["reader"], e["offset"]) for e in found] == [(r, n) for r in READERS for n in (3, 4)]
    assert {e["status"] for e in found} == {"quarantined"}
    assert "The value begins with ff 6e 6f 74 20" in found[0]["reason"]
    assert "schema 77, which is not on _schemas" in found[1]["reason"]
    assert stage.done("run", "projections", "--once") == "0 records applied to 6 views\n"
    rows = stage.rows("SELECT reader, kafka_offset, status FROM quarantine ORDER BY 1, 2")
    assert rows == [(r, n, "quarantined") for r in READERS for n in (3, 4)]
    assert agree(stage) == {**dict.fromkeys(READERS, 2), "quarantine": 0}


def test_a_rebuild_stops_at_the_first_and_goes_on_when_it_is_dropped(either: Stage) -> None:
    stage = either
    poisoned(stage)
    before = stage.digests()
    for name in ("rebuild", "quarantine retry"):
        result = stage.evctl(*name.split(), "tcs_events")
        assert (result.code, result.out) == (65, "")
        assert "tcs_events can't take in the record at observatory[0]@3: " in result.sentence
        drop = "`evctl quarantine drop tcs_events 'observatory[0]@3' --why REASON`"
        assert drop in result.sentence
    assert stage.digests() == before

    why = ("--why", "a test of the dome server", "--who", "maria")
    stage.done("quarantine", "drop", "tcs_events", "observatory[0]@3", *why)
    result = stage.evctl("rebuild", "tcs_events")
    assert (result.code, "observatory[0]@4" in result.sentence) == (65, True)
    stage.done("quarantine", "drop", "tcs_events", "observatory[0]@4", *why)
    said = stage.done("rebuild", "tcs_events")
    assert said == "tcs_events: rebuilt from 8 records; 2 dropped\n"
    assert stage.digests() == before
    assert agree(stage)["tcs_events"] == 2
    (entry,) = listed(stage, "tcs_events", "--status", "dropped")[:1]
    assert (entry["who"], entry["why"], entry["offset"]) == (
        "maria",
        "a test of the dome server",
        3,
    )
    stage.done("run", "projections", "--once")
    rows = stage.rows("SELECT status, who FROM quarantine WHERE reader = 'tcs_events'")
    assert rows == [("dropped", "maria")] * 2


def test_a_retry_takes_in_what_can_be_read_by_now(stage: Stage) -> None:
    cluster = stage.cluster
    registry = Registry(cluster)
    schema = {"type": "record", "name": "Late", "fields": [{"name": "n", "type": "long"}]}
    send(cluster, framing.prefix(schema_id(schema)) + b"\x02")
    append(cluster, "after", 0, 3)
    stage.done("run", "projections", "--once")
    assert stage.evctl("quarantine", "retry", "all").code == 65
    registry.register_foreign(schema)
    said = stage.done("quarantine", "retry", "night_summary", "--who", "maria")
    assert said == "night_summary: rebuilt from 4 records, 1 of them from quarantine\n"
    assert stage.rows("SELECT sum(records) FROM night_summary") == [(4,)]
    (entry,) = listed(stage, "--status", "retried")
    assert (entry["reader"], entry["who"]) == ("night_summary", "maria")
    assert agree(stage)["night_summary"] == 0
    assert stage.done("quarantine", "retry", "all").count("rebuilt") == 4
    assert stage.done("quarantine", "list") == "nothing is in quarantine\n"
    assert set(agree(stage).values()) == {0}


def test_a_record_is_shown_as_far_as_it_can_be_read(stage: Stage) -> None:
    append(stage.cluster, "before", 0, 1)
    whole_value = read(stage.cluster, OBSERVATORY)[0].value() or b""
    send(stage.cluster, whole_value[:-12], headers=[("src", b"dome:4"), ("trace", b"\xff")])
    stage.done("run", "projections", "--once")
    said = stage.done("quarantine", "show", "tcs_latest", "observatory[0]@1", "--bytes", "32")
    for line in (
        "reader:       tcs_latest",
        "record:       observatory[0]@1",
        "header src:   dome:4",
        "header trace: ff",
        "key:          fe 20 6b 65 79",
        "  system:     tcs",
    ):
        assert f"{line}\n" in said, said
    assert "evctl.TcsEvent" in said
    assert "  values:     can't be read (" in said
    assert "00000010  " in said
    assert "more bytes; --bytes N shows more" in said
    result = stage.evctl("quarantine", "show", "tcs_latest", "observatory[0]@0")
    assert (result.code, result.out) == (66, "")
    assert stage.evctl("quarantine", "show", "tcs_latest", "observatory@0").code == 2


def test_who_drops_what_is_checked(stage: Stage) -> None:
    poisoned(stage)
    drop = ("quarantine", "drop")
    assert stage.evctl(*drop, "tcs_events", "observatory[0]@3").code == 2
    assert stage.evctl(*drop, "tcs_events", "observatory[0]@3", "--why", " ").code == 2
    assert stage.evctl(*drop, "nobody", "observatory[0]@3", "--why", "x").code == 2
    assert stage.evctl(*drop, "tcs_events", "observatory[0]@99", "--why", "x").code == 66
    assert stage.evctl(*drop, "all", "observatory[0]@0", "--why", "x").code == 66
    assert stage.done(*drop, "all", "observatory[0]@3", "--why", "x").count("is dropped") == 5
    result = stage.evctl(*drop, "tcs_events", "observatory[0]@3", "--why", "y")
    assert (result.code, "before: x" in result.sentence) == (2, True)
    assert len(listed(stage)) == 5


def test_a_service_can_not_take_in_what_it_passed_over(stage: Stage) -> None:
    poisoned(stage)
    quarantine = Quarantine(stage.cluster, Registry(stage.cluster))
    for message in read(stage.cluster, OBSERVATORY)[3:5]:
        quarantine.put("silence", message, "a reason")
    stage.done("quarantine", "drop", "all", "observatory[0]@3", "observatory[0]@3", "--why", "x")
    result = stage.evctl("quarantine", "retry", "all")
    assert "silence is a service" in result.err
    assert (result.code, "observatory[0]@4" in result.sentence) == (65, True)
    assert stage.evctl("quarantine", "retry", "silence").code == 2
    drop = ("quarantine", "drop", "silence")
    assert stage.evctl(*drop, "observatory[0]@0", "--why", "x").code == 66
    assert "is dropped" in stage.done(*drop, "observatory[0]@4", "--why", "x")
    assert listed(stage, "silence") == []
    assert listed(stage, "notices") == []
    assert stage.evctl("quarantine", "list", "nobody").code == 2


def test_a_replay_has_a_quarantine_of_its_own(stage: Stage) -> None:
    poisoned(stage)
    stage.done("replay", "--all", "--speed", "max", "--id", "first")
    stage.done("--namespace", "replay.first", "run", "projections", "--once")
    found = listed(stage, namespace="replay.first")
    assert [(e["reader"], e["offset"]) for e in found] == [(r, n) for r in READERS for n in (3, 4)]
    assert agree(stage, "--replay", "first") == dict.fromkeys(READERS, 2)


def test_tables_made_anew_by_a_reader_are_as_the_topic_says(stage: Stage) -> None:
    poisoned(stage)
    stage.done("quarantine", "drop", "tcs_events", "observatory[0]@3", "--why", "x")
    before = stage.digests()
    for view in READERS:
        store = stage.store(view)
        store.drop()
        store.database.close()
    said = stage.done("run", "projections", "--once")
    assert "quarantine" not in said
    after = stage.digests()
    assert {view: after[view] for view in READERS} == {view: before[view] for view in READERS}
    assert [e["status"] for e in listed(stage, "tcs_events", "--status", "all")] == [
        "dropped",
        "quarantined",
    ]


def test_a_topic_made_anew_has_other_records(stage: Stage) -> None:
    poisoned(stage)
    stage.done("quarantine", "drop", "all", "observatory[0]@3", "--why", "x")
    topics.delete(stage.cluster, [OBSERVATORY.name])
    append(stage.cluster, "anew", 0, 6)
    stage.done("rebuild", *READERS)
    assert stage.rows("SELECT count(*) FROM tcs_events") == [(6,)]
    assert agree(stage)["tcs_events"] == 0
    send(stage.cluster, FOREIGN)
    stage.done("run", "projections", "--once")
    assert [e["offset"] for e in listed(stage, "tcs_events")] == [6]


def test_what_can_not_be_read_in_quarantine_itself_goes_nowhere(stage: Stage) -> None:
    poisoned(stage)
    producer = Producer(stage.cluster)
    producer.send(QUARANTINE.name, FOREIGN, None, 0, 1, [])
    producer.flush()
    stage.done("run", "projections", "--once")
    assert stage.done("run", "projections", "--once") == "0 records applied to 6 views\n"
    assert len(listed(stage)) == 10
    assert stage.done("rebuild", "quarantine").startswith("quarantine: rebuilt from 11 records")
    assert agree(stage)["quarantine"] == 0


def test_a_night_with_such_records_is_verified_and_imported_into(stage: Stage) -> None:
    poisoned(stage)
    found = json.loads(stage.done("verify", "2026-11-21", "--json"))
    assert found["agrees"]
    recording = stage.folder / "night.db"
    with writer_for("sqlite")(recording) as writer:
        for n in range(4):
            writer.add(Entry(tcs(MIDNIGHT + n * SECOND, key=f"k{n}"), None, n))
    said = stage.done("import", recording)
    assert "1 event added, 3 were on the log already" in said


def test_a_record_that_is_larger_than_its_topic_allows_is_cut(stage: Stage) -> None:
    largest = max(topic.max_bytes for topic in TOPICS if topic is not QUARANTINE)
    value = os.urandom(largest - 1024)
    topics.ensure(stage.cluster, [ALERTS])
    producer = Producer(stage.cluster)
    producer.send(ALERTS.name, b"\xff" + value, None, 0, 1, reported("s", 0))
    producer.flush()
    (message,) = read(stage.cluster, ALERTS)
    quarantine = Quarantine(stage.cluster, Registry(stage.cluster))
    quarantine.put("night_index", message, "too large")
    quarantine.put("night_index", message, "too large")
    (entry,) = listed(stage)
    assert entry["reader"] == "night_index"
    said = stage.done("quarantine", "show", "night_index", "alerts[0]@0", "--bytes", "16")
    assert f"value:        {largest - 1023:,} bytes" in said


def test_a_poisoned_record_delays_the_others_by_moments(either: Stage) -> None:
    cluster = either.cluster
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "s")
    publisher.publish(tcs(MIDNIGHT))
    publisher.flush()
    running = either.start("run", "projections")
    until(lambda: either.applied() == 1)

    def took(applied: int) -> float:
        """Return how long it takes until every view has one more good record."""
        began = time.monotonic()
        publisher.publish(tcs(MIDNIGHT))
        publisher.flush()
        until(lambda: all(either.applied(view) == applied for view in READERS))
        return time.monotonic() - began

    ordinary, applied, times = took(2), 2, 0
    while True:
        send(cluster, FOREIGN, UNKNOWN)
        applied, times = applied + 3, times + 1
        # some machines are slow, and stand still at times: it is to be moments, and no time-out
        if took(applied) < ordinary + 5:
            break
        assert times < 3
    running.send_signal(signal.SIGTERM)
    assert f"{10 * times} put in quarantine" in ended(running).out


def test_the_topic_takes_what_any_other_takes() -> None:
    largest = max(topic.max_bytes for topic in TOPICS if topic is not QUARANTINE)
    assert largest + 1024 * 1024 <= QUARANTINE.max_bytes
    assert QUARANTINE.synced
    assert QUARANTINE.retention_ms < 0
