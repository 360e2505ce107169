"""A night goes through an archive, and comes back as it was, wherever it comes back."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from infra.archive.errors import IdTaken, NotAsSealed, NotThePast, TooFewPartitions
from infra.archive.manifest import NAME
from infra.archive.writing import Export
from infra.broker import control
from infra.exporting import Stopped
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.sealing.contents import Seal, SealedPartition
from infra.settings import load
from infra.signals import Stop
from schemas import framing
from schemas.events.services import ServiceTookOver
from schemas.record import Position, reported
from schemas.topics import ALERTS, OBSERVATORY
from tests.integration.archived_night import (
    NIGHT,
    PACKET,
    SECOND,
    Said,
    Sender,
    bring,
    everything,
    export,
    fill,
    index,
)
from tests.integration.replay_log import DAY, MIDNIGHT, publish, read, tcs
from tests.integration.serving.silent_telescope import observatory

_NAMES = (f"test{number}." for number in count())
REPEATS = 3
"""Records of the night that readers pass over."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    control.start(folder / "log")
    yield connect(load(folder / "evctl-site.yaml").settings)
    control.stop(folder / "log")


@pytest.fixture(scope="module")
def origin(log: Cluster) -> Cluster:
    """A log with the night."""
    cluster = log.in_namespace("origin.")
    fill(cluster)
    return cluster


@pytest.fixture(scope="module")
def archive(origin: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The night's archive; not to be changed."""
    folder = tmp_path_factory.mktemp("archives") / NIGHT
    assert export(origin, folder).made
    return folder


@pytest.fixture
def target(log: Cluster) -> Cluster:
    """An empty log."""
    return log.in_namespace(next(_NAMES))


def of_night(origin: Cluster) -> list[Said]:
    """Return the night's records of `observatory` that readers heed, as they have to come back."""
    once: dict[bytes | None, Said] = {}
    for one in everything(origin, OBSERVATORY):
        stale = one.told[2] == 1 and not one.source.endswith("/epoch")
        if one.source not in {"import.0e", "old"} and not stale:
            once.setdefault(one.id, one)
    return list(once.values())


def test_all_comes_back_in_its_order_and_nothing_twice(
    origin: Cluster, archive: Path, target: Cluster
) -> None:
    first = bring(target, archive)

    alerts = everything(origin, ALERTS)
    assert everything(target, ALERTS) == alerts
    assert everything(target, OBSERVATORY) == of_night(origin)
    records = len(everything(origin, OBSERVATORY)) - 3 - 3 + len(alerts)
    assert (first.records, first.repeats, first.complete) == (records, REPEATS, True)
    assert first.added == records - REPEATS

    again = bring(target, archive)

    assert (again.added, again.records, again.repeats) == (0, records, REPEATS)
    assert everything(target, ALERTS) == alerts
    assert everything(target, OBSERVATORY) == of_night(origin)


def test_an_archive_of_what_came_back_has_the_same_records(
    origin: Cluster, archive: Path, target: Cluster, tmp_path: Path
) -> None:
    bring(target, archive)
    second = export(target, tmp_path / "second").manifest
    third = target.in_namespace(next(_NAMES))
    bring(third, tmp_path / "second")

    assert everything(third, OBSERVATORY) == of_night(origin)
    assert everything(third, ALERTS) == everything(origin, ALERTS)
    first = json.loads((archive / NAME).read_text())
    assert [one["digest"] for one in first["partitions"] if one["topic"] == "alerts"] == [
        one.digest for one in second.partitions if one.topic == "alerts"
    ]


def test_the_log_s_own_records_of_the_same_sources_are_heeded_beside(
    archive: Path, target: Cluster
) -> None:
    """A source's numbers begin anew on every log; the later ones may be lower."""
    bring(target, archive)
    sender = Sender(target)
    for seq, source in enumerate(("clock", "silence/observatory/0", "import.0f"), 1):
        sender.event(tcs(MIDNIGHT + DAY), reported(source, seq), MIDNIGHT + DAY)
    sender.flush()
    assert [record.time for record in observatory(target)][-3:] == [MIDNIGHT + DAY] * 3


def test_what_came_back_is_no_repeat_of_later_records(
    origin: Cluster, archive: Path, target: Cluster
) -> None:
    sender = Sender(target)
    for source in ("clock", "silence/observatory/0", "silence/observatory/0/epoch", "import.0f"):
        sender.event(tcs(MIDNIGHT + DAY), reported(source, 1 << 40), MIDNIGHT + DAY)
    sender.flush()
    bring(target, archive)
    heeded = [record for record in observatory(target) if record.time < MIDNIGHT + DAY]
    assert len(heeded) == len(of_night(origin))


def test_an_interrupted_import_goes_on(origin: Cluster, tmp_path: Path, target: Cluster) -> None:
    long = target.in_namespace(next(_NAMES))
    publish(long, (MIDNIGHT + n for n in range(3000)))
    export(long, tmp_path / "long")
    stop = Stop()

    def interrupt(records: int) -> None:
        if records:
            stop.exit_code = 130

    first = bring(target, tmp_path / "long", interrupt, stop=stop)
    assert not first.complete
    assert 0 < first.added < 3000
    assert len(everything(target, OBSERVATORY)) == first.added
    rest = bring(target, tmp_path / "long")
    assert rest.added == 3000 - first.added
    assert everything(target, OBSERVATORY) == everything(long, OBSERVATORY)
    stop.close()


def test_events_that_came_another_way_are_known_by_their_content(
    origin: Cluster, archive: Path, target: Cluster
) -> None:
    sender = Sender(target)
    for number in (0, 1, 2):
        time = MIDNIGHT + number * SECOND
        event = tcs(time, f"k{number % 3}")
        turned = dict(sorted(event.values.items(), reverse=True))
        changed = type(event)(time, time, *("tcs", "tracker", event.key), False, turned, {})
        sender.event(changed, reported("bridge", number), time)
    time = MIDNIGHT + 5 * SECOND  # one that is the very same
    sender.event(tcs(time, "k2"), reported("import.0f", 5), time)
    sender.flush()

    done = bring(target, archive)

    assert done.records - done.added - done.repeats == 4
    assert len(everything(target, OBSERVATORY)) == len(of_night(origin))
    assert bring(target, archive).added == 0


def test_an_archive_of_the_same_night_again_is_there_already(
    origin: Cluster, archive: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in sorted(archive.rglob("*.*"))}
    assert not export(origin, archive).made
    assert {path: path.read_bytes() for path in sorted(archive.rglob("*.*"))} == before
    (tmp_path / "empty").mkdir()
    assert export(origin, tmp_path / "empty").made
    for path, held in before.items():
        assert (tmp_path / "empty" / path.relative_to(archive)).read_bytes() == held
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_events_are_plain_avro_with_the_schema_that_they_were_written_with(
    origin: Cluster, archive: Path
) -> None:
    files = {path.name.rsplit(".", 2)[0]: path for path in archive.glob("events/*.avro")}
    assert sorted(files) == [
        "alerts-0.Alert",
        "alerts-1.Alert",
        "alerts-2.Alert",
        "observatory-0.evctl.ServiceTookOver",
        "observatory-0.evctl.SystemFellSilent",
        "observatory-0.evctl.TcsEvent",
        "observatory-0.evctl.TimePassed",
    ]
    with files["observatory-0.evctl.TcsEvent"].open("rb") as file:
        reader = fastavro.reader(file)
        stored = json.loads(reader.metadata["avro.schema"])
        events: list[Any] = list(reader)
    number = int(files["observatory-0.evctl.TcsEvent"].name.rsplit(".", 2)[1])
    (position,) = read(origin, OBSERVATORY)[:1]
    assert framing.schema_id_of(position.value()) == number
    assert stored == Registry(origin).schema(number, Position("observatory", 0, 0))
    assert [event["key"] for event in events[:3]] == ["k0", "k1", "k2"]
    assert len(events) == 30 + 2 + 1
    with files["alerts-2.Alert"].open("rb") as file:
        block: Any = next(fastavro.block_reader(file))
    assert block.bytes_.getvalue() == PACKET


def test_a_night_before_1970_comes_back(origin: Cluster, tmp_path: Path, target: Cluster) -> None:
    export(origin, tmp_path / "old", "1970-01-01")
    bring(target, tmp_path / "old")
    old = [one for one in everything(origin, OBSERVATORY) if one.source == "old"]
    assert len(old) == 3
    assert everything(target, OBSERVATORY) == old


def test_ids_that_are_unique_in_one_log_only_do_not_stand_in_the_way(
    archive: Path, target: Cluster
) -> None:
    """Each log's first instance of a service has the same id."""
    sender = Sender(target)
    took = ServiceTookOver(MIDNIGHT, "silence", "observatory", 0, 1, 9, "")
    headers = reported("silence/observatory/0/epoch", 1)
    sender.event(took, headers, MIDNIGHT)
    sender.flush()
    here = everything(target, OBSERVATORY)[0]

    done = bring(target, archive)

    assert done.added == done.records - REPEATS
    took_over = [one for one in everything(target, OBSERVATORY) if one.source == here.source]
    assert [one.told[0] for one in took_over] == [1, 1, 2]
    assert len({one.id for one in took_over}) == 3
    assert bring(target, archive).added == 0


def test_another_record_by_the_same_id_is_refused_before_anything_is_added(
    archive: Path, target: Cluster
) -> None:
    sender = Sender(target)
    time = MIDNIGHT + 4 * SECOND
    sender.event(tcs(time, "other"), reported("import.0f", 4), time)
    sender.flush()

    with pytest.raises(IdTaken, match=r"origin\.observatory\[0\]@5 .*observatory\[0\]@0"):
        bring(target, archive)
    assert len(everything(target, OBSERVATORY)) == 1
    assert everything(target, ALERTS) == []


def test_a_topic_with_too_few_partitions_is_refused(archive: Path, target: Cluster) -> None:
    config = dict(ALERTS.config())
    new = NewTopic(ALERTS.full_name(target.namespace), 2, config=config)
    for made in target.admin().create_topics([new]).values():
        made.result()

    with pytest.raises(TooFewPartitions, match=r"has 2 partitions, .* partition 2: give it 3"):
        bring(target, archive)


def test_an_export_that_is_stopped_leaves_nothing(origin: Cluster, tmp_path: Path) -> None:
    stop = Stop()
    stop.exit_code = 130
    job = Export(origin, Registry(origin), index(origin), NIGHT, None, tmp_path / "a" / NIGHT)
    with pytest.raises(Stopped):
        job.write(stop, lambda _: None)
    assert list((tmp_path / "a").iterdir()) == []
    stop.close()


def test_a_night_that_is_not_as_its_seal_says_is_not_archived(
    origin: Cluster, tmp_path: Path
) -> None:
    found = export(origin, tmp_path / "found").manifest
    sealed = [
        SealedPartition(part.topic, part.partition, "", 0, part.records, part.digest, ())
        for part in found.partitions
    ]
    seal = Seal(NIGHT, 3, 0, "evctl", tuple(sealed), (), ())
    job = Export(origin, Registry(origin), index(origin), NIGHT, seal, tmp_path / NIGHT)
    assert job.write(Stop(), lambda _: None).manifest.seal == 3

    for changed in (sealed[:-1], [*sealed[:-1], replace(sealed[-1], records=1)]):
        other = replace(job, seal=replace(seal, partitions=tuple(changed)), target=tmp_path / "x")
        with pytest.raises(NotAsSealed, match=r"origin\.observatory\[0\] .*seal \(version 3\)"):
            other.write(Stop(), lambda _: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [NIGHT, "found"]


@pytest.mark.parametrize("kind", ["replay", "mock"])
def test_what_was_not_real_does_not_become_a_site_s_past(
    log: Cluster, target: Cluster, tmp_path: Path, kind: str
) -> None:
    rehearsed = log.in_namespace(f"site.{kind}.first.")
    publish(rehearsed, [MIDNIGHT])
    export(rehearsed, tmp_path / kind)

    with pytest.raises(NotThePast, match=rf"of site\.{kind}\.first, .* --namespace {kind}\.again"):
        bring(target, tmp_path / kind)
    assert bring(log.in_namespace(f"{kind}.again."), tmp_path / kind).added == 1
