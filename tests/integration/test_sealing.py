"""A sealed night: any later hole, change or missing schema is found and named."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from infra.broker import control
from infra.indexing import night_index, open_database
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.sealing.checking import check_late
from infra.sealing.contents import Seal, from_text
from infra.sealing.place import Site
from infra.sealing.records import Seals
from infra.sealing.shelf import SEAL
from schemas.avro import schema_of
from schemas.events.seals import NightSealed
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY, SCHEMAS, SEALS
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.replay_log import DAY, MIDNIGHT, publish, read, tcs
from tests.waiting import until

NIGHT = "2026-11-21"
NEXT = "2026-11-22"
SECOND = 1_000_000
EVENTS = 2500


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site with a sealed night, on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        yield sealed(stage)


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Iterator[Stage]:
    """The same on SQLite."""
    with on_stage(tmp_path / "site", database={"url": sqlite_url}) as stage:
        yield sealed(stage)


def append(stage: Stage, source: str, count: int, start: int = MIDNIGHT) -> None:
    """Append an event a second, and bring the tables up to them."""
    publish(stage.cluster, (start + n * SECOND for n in range(count)), source)
    stage.done("run", "projections", "--once")


def sealed(stage: Stage) -> Stage:
    """Record a night and seal it."""
    append(stage, "night", EVENTS)
    said = stage.done("seal", NIGHT)
    assert said == f"{NIGHT}: sealed as version 1, 2,500 records\n"
    return stage


def seal_of(stage: Stage, night: str = NIGHT) -> Seal:
    """Return a night's newest seal, as the log has it."""
    found = Seals(stage.cluster, Registry(stage.cluster)).newest(night)
    assert found is not None
    return found


def folder(stage: Stage, version: int = 1) -> Path:
    """Return where a seal's files are."""
    return stage.settings.seals.directory / NIGHT / f"v{version}"


def faults(stage: Stage, code: int = 1) -> list[str]:
    """Verify the sealed night; return what is said below the line about the seal."""
    result = stage.evctl("verify", NIGHT)
    assert result.code == code, result
    lines = result.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{NIGHT} was sealed at"))
    assert lines[at].endswith(": NOT AS IT WAS SEALED" if code else ": as it was sealed")
    return [line.strip() for line in lines[at + 1 :]]


def test_a_night_is_as_it_was_sealed(either: Stage) -> None:
    assert faults(either, 0) == []
    said = json.loads(either.done("verify", NIGHT, "--json"))
    assert said["agrees"]
    assert (said["seal"]["version"], said["seal"]["records"]) == (1, EVENTS)
    assert said["seal"]["findings"] == []


def test_a_seal_says_what_there_was(either: Stage) -> None:
    seal = seal_of(either)
    (part,) = [part for part in seal.partitions if part.records]
    assert (part.topic, part.partition, part.closing, part.records) == (
        "observatory",
        0,
        EVENTS,
        EVENTS,
    )
    assert [(s.first, s.last, s.records) for s in part.stretches] == [
        (0, 999, 1000),
        (1000, 1999, 1000),
        (2000, 2499, 500),
    ]
    assert [schema.name for schema in seal.schemas] == ["evctl.TcsEvent"]
    assert [view.view for view in seal.views] == either.views
    digests, of_night = either.digests(), either.digests(night=NIGHT)
    for view in seal.views:
        assert view.digest == digests[view.view]
        assert view.night_digest in {None, of_night[view.view]}
    assert from_text((folder(either) / SEAL).read_text()) == seal


def test_sealed_again_a_night_without_change_stays_as_it_is(either: Stage) -> None:
    append(either, "tomorrow", 10, MIDNIGHT + DAY)
    before = sorted(path.name for path in folder(either).parent.iterdir())
    said = either.done("seal", NIGHT)
    assert said == f"{NIGHT}: sealed already as version 1; nothing has changed since\n"
    assert sorted(path.name for path in folder(either).parent.iterdir()) == before == ["v1"]
    assert faults(either, 0) == []


def test_late_records_are_named_and_make_a_new_version(either: Stage) -> None:
    append(either, "tomorrow", 10, MIDNIGHT + DAY)
    append(either, "spool", 3)
    said = faults(either, 0)
    assert said == [
        "Late: 3 records of the night at observatory[0]@2510 to 2512.",
        f"Late records are no fault: `evctl seal {NIGHT}` takes them in.",
    ]
    assert either.done("seal", NIGHT) == f"{NIGHT}: sealed as version 2, 2,503 records\n"
    assert faults(either, 0) == []
    assert either.done("seal", NEXT) == f"{NEXT}: sealed as version 1, 10 records\n"
    assert faults(either, 0) == []


def test_the_tables_have_to_show_the_night_and_to_be_right(either: Stage) -> None:
    publish(either.cluster, [MIDNIGHT], "late")
    result = either.evctl("seal", NIGHT)
    assert (result.code, result.out) == (75, "")
    assert "is behind the log (records to go: 1)" in result.sentence
    either.done("run", "projections", "--once")
    spoil(either, "tcs_events")
    result = either.evctl("seal", NIGHT)
    assert (result.code, result.out) == (1, "")
    assert result.sentence.startswith("evctl: tcs_events shows something else than the log makes")
    either.done("rebuild", "tcs_events", "--from-zero")
    assert either.done("seal", NIGHT) == f"{NIGHT}: sealed as version 2, 2,501 records\n"


def spoil(stage: Stage, view: str) -> None:
    """Take a row away."""
    store = stage.store(view)
    (table,) = store.tables.data.values()
    with store.database.writing() as connection:
        connection.execute(table.delete().where(table.c.data_time == MIDNIGHT + 7 * SECOND))
    store.database.close()


def test_a_table_that_is_not_as_sealed_is_named(either: Stage) -> None:
    spoil(either, "tcs_events")
    (said,) = faults(either)
    assert re.fullmatch(r"tcs_events has the digest \w{16} as of the seal, .*", said)


def test_a_view_of_the_whole_log_is_compared_as_of_the_seal(stage: Stage) -> None:
    append(stage, "tomorrow", 10, MIDNIGHT + DAY)
    assert stage.done("seal", NEXT).startswith(f"{NEXT}: sealed as version 1")
    for words in ((), ("--from-zero",)):
        result = stage.evctl("verify", NEXT, *words)
        assert (result.code, "as it was sealed" in result.out) == (0, True), result


def test_a_hole_at_the_log_s_beginning_is_named(either: Stage) -> None:
    asked = TopicPartition("observatory", 0, 1500)
    for answer in either.cluster.admin().delete_records([asked]).values():
        answer.result()
    said = faults(either)
    assert said[0] == "A hole: the 1,500 records are gone at observatory[0]@0 to 1499."
    assert said[1].startswith("The tables can't be compared: ")


def test_sealing_again_hides_no_hole(stage: Stage) -> None:
    asked = TopicPartition("observatory", 0, 1500)
    for answer in stage.cluster.admin().delete_records([asked]).values():
        answer.result()
    stage.done("rebuild", *stage.views, "--from-zero")
    result = stage.evctl("seal", NIGHT)
    assert (result.code, result.out) == (65, "")
    assert "A hole: the 1,500 records are gone at observatory[0]@0 to 1499." in result.sentence
    assert faults(stage)
    said = stage.done("seal", NIGHT, "--anew")
    assert said == f"{NIGHT}: sealed as version 2, 1,000 records\n"
    assert faults(stage, 0) == []


def test_a_topic_that_is_gone_is_named(stage: Stage) -> None:
    topics.delete(stage.cluster, [OBSERVATORY.name])
    said = faults(stage)
    assert said[0] == "The topic observatory is gone, with 2,500 records of the night."


def rewritten(stage: Stage, change: Callable[[int], bool | None]) -> None:
    """Make the topic anew from its own records; `change` says of each offset what becomes of it.

    True: it is another record; None: it is left out.
    """
    cluster = stage.cluster
    messages = read(cluster, OBSERVATORY)
    topics.delete(cluster, [OBSERVATORY.name])
    topics.ensure(cluster, [OBSERVATORY])
    producer = Producer(cluster)
    for message in messages:
        changes = change(message.offset())
        if changes is None:
            continue
        value = bytearray(message.value() or b"")
        value[-1] ^= changes
        key, millis, headers = message.key(), message.timestamp()[1], message.headers() or []
        producer.send(OBSERVATORY.name, bytes(value), key, 0, millis, headers)
    producer.flush()


def test_a_changed_record_is_found_in_its_stretch(stage: Stage) -> None:
    rewritten(stage, lambda offset: offset == 1234)
    said = faults(stage)
    assert re.fullmatch(r"The topic observatory was made anew \(id \S+, not \S+\)\.", said[0])
    assert said[1] == "Changed since: a record or more at observatory[0]@1000 to 1999."


def test_records_that_are_gone_from_the_end_are_a_hole(stage: Stage) -> None:
    rewritten(stage, lambda offset: None if offset >= 2000 else False)
    assert "A hole: the 500 records are gone at observatory[0]@2000 to 2499." in faults(stage)


def test_bytes_that_a_disk_has_altered_are_named(stage: Stage) -> None:
    control.stop(stage.settings.log.data_dir)
    segment = stage.settings.log.data_dir / "observatory-0" / f"{0:020d}.log"
    data = bytearray(segment.read_bytes())
    data[-20] ^= 1
    segment.write_bytes(data)
    control.start(stage.settings.log.data_dir)
    said = faults(stage)
    assert re.fullmatch(
        r"Altered on the disk: what stands at observatory\[0\]@\d+ to 2499 can't be read\.", said[0]
    )


def without_schemas(cluster: Cluster) -> None:
    topics.delete(cluster, [SCHEMAS.name])


def with_another_schema(cluster: Cluster) -> None:
    """Give the id of TcsEvent's schema to another one."""
    (schema,) = Seals(cluster, Registry(cluster)).newest(NIGHT).schemas  # type: ignore[union-attr]
    key = {"subject": "x", "version": 1, "magic": 1, "keytype": "SCHEMA"}
    ours = schema_of(TcsEvent)
    other = {**ours, "fields": [*ours["fields"], {"name": "more", "type": "long"}]}
    text = json.dumps(other)
    value = {"subject": "x", "version": 1, "id": schema.id, "schema": text, "deleted": False}
    producer = Producer(cluster)
    texts = json.dumps(value).encode(), json.dumps(key)
    producer.send(SCHEMAS.name, *texts, 0, 1, [])
    producer.flush()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (without_schemas, r"The schema \d+ \(evctl\.TcsEvent\) is gone from _schemas: .*"),
        (with_another_schema, r"The schema \d+ \(evctl\.TcsEvent\) has the fingerprint .*"),
    ],
)
def test_a_missing_schema_is_named(
    stage: Stage, harm: Callable[[Cluster], None], told: str
) -> None:
    harm(stage.cluster)
    if harm is without_schemas:  # else the seals could not be read either
        Registry(stage.cluster).register_event(NightSealed)
    said = faults(stage)
    assert re.fullmatch(told, said[0])


@pytest.mark.parametrize("name", [SEAL, "tcs_events.sqlite"])
@pytest.mark.parametrize("harm", ["missing", "altered"])
def test_a_file_of_the_seal_that_is_missing_or_altered_is_named(
    stage: Stage, name: str, harm: str
) -> None:
    path = folder(stage) / name
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert faults(stage) == [f"The seal's file {path} is {harm}."]
    assert stage.done("seal", NIGHT) == f"{NIGHT}: sealed as version 2, 2,500 records\n"
    assert faults(stage, 0) == []


def test_what_is_no_seal_is_passed_over(stage: Stage) -> None:
    producer = Producer(stage.cluster)
    producer.send(SEALS.name, b"a line of text", None, 0, 1, [])
    producer.flush()
    assert faults(stage, 0) == []
    assert "sealed already as version 1" in stage.done("seal", NIGHT)
    assert "from the seal of" in stage.done("rebuild", "tcs_events")


def test_nights_that_interleave_are_told_apart(stage: Stage) -> None:
    publisher = Publisher(stage.cluster, Registry(stage.cluster), OBSERVATORY, "mixed")
    for n in range(600):
        publisher.publish(tcs(MIDNIGHT + n % 2 * DAY + n * SECOND))
    publisher.flush()
    stage.done("run", "projections", "--once")
    seal = seal_of(stage)
    assert faults_late(stage) == [
        "Late: 300 records of the night at observatory[0]@2500 to 3098.",
    ]
    assert seal.records == EVENTS


def faults_late(stage: Stage) -> list[str]:
    """Return the late records that are told of."""

    cluster, settings = stage.cluster, stage.settings
    database = open_database(settings)
    site = Site(cluster, Registry(cluster), database, settings, [], 1.0, lambda _: None)
    window = night_index(cluster, settings).night(NIGHT)
    found = [one.text for one in check_late(site, seal_of(stage), window)]
    database.close()
    return found


def test_two_that_seal_at_once_make_one_seal(stage: Stage) -> None:
    append(stage, "late", 5)
    running = [stage.start("seal", NIGHT) for _ in range(3)]
    said = sorted(ended(process).out for process in running)
    again = f"{NIGHT}: sealed already as version 2; nothing has changed since\n"
    assert said == sorted([f"{NIGHT}: sealed as version 2, 2,505 records\n", again, again])
    assert faults(stage, 0) == []


def test_a_sealing_that_is_killed_leaves_the_seal_of_before(either: Stage) -> None:
    append(either, "late", 5)
    running = either.start("seal", NIGHT)
    making = folder(either).with_name("making")
    until(lambda: making.exists() or running.poll() is not None)
    running.kill()
    assert ended(running).code in {-signal.SIGKILL, 0}
    assert seal_of(either).version in {1, 2}
    assert either.done("seal", NIGHT).startswith(f"{NIGHT}: sealed ")
    assert seal_of(either).version == 2
    assert sorted(path.name for path in making.parent.iterdir()) == ["v1", "v2"]
    assert faults(either, 0) == []


def test_a_rebuild_begins_with_the_newest_snapshot(either: Stage) -> None:
    append(either, "tomorrow", 10, MIDNIGHT + DAY)
    before = either.digests()
    for view in (view for view in either.views if view != "quarantine"):
        said = either.done("rebuild", view).splitlines()
        assert said == [
            f"{view}: going on from the seal of {NIGHT}, version 1, 2,500 records done",
            f"{view}: rebuilt from 10 records",
        ]
    assert either.digests() == before
    said = either.done("rebuild", "tcs_latest", "--from-zero").splitlines()
    assert said == ["tcs_latest: rebuilt from 2,510 records"]


def test_a_snapshot_that_was_altered_is_passed_over(stage: Stage) -> None:
    path = folder(stage) / "tcs_latest.sqlite"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    result = stage.evctl("rebuild", "tcs_latest")
    assert (result.code, result.out) == (0, "tcs_latest: rebuilt from 2,500 records\n")
    assert f"{path} is missing or was altered; passed over" in result.err


def test_a_snapshot_of_another_log_is_passed_over(stage: Stage) -> None:
    rewritten(stage, lambda _: False)
    assert stage.done("rebuild", "tcs_latest") == "tcs_latest: rebuilt from 2,500 records\n"


def test_a_night_with_nothing_in_it_is_not_sealed(stage: Stage) -> None:
    result = stage.evctl("seal", "2020-01-01")
    assert (result.code, result.out) == (66, "")
    assert "Nothing on the log lies in the night 2020-01-01" in result.sentence


def test_seals_can_not_be_written_where_there_is_no_place(stage: Stage) -> None:
    blocked = stage.folder / "file"
    blocked.write_text("")
    other = stage.also("other", seals={"directory": str(blocked / "seals")})
    result = other.evctl("seal", NIGHT)
    assert (result.code, result.out) == (73, "")
    assert "set seals.directory to another place" in result.sentence
