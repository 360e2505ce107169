"""The archives that each release has written are brought back by today's code."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.archive import manifest
from infra.archive.reading import Reader
from infra.broker import control
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.settings import load
from schemas import framing
from schemas.language import Language, todays
from schemas.record import Position
from schemas.topics import ALERTS, OBSERVATORY, SCHEMAS
from tests.fixtures.make_archive import EVENTS
from tests.integration.archived_night import bring, everything, export, said
from tests.integration.replay_log import MIDNIGHT, read
from tests.unit.schemas.three_versions import SKY, program

FIXTURES = Path(__file__).parents[1] / "fixtures"
ARCHIVES = sorted(FIXTURES.glob("archive-*"))
MAX_BYTES = 100_000


def grown() -> Language:
    """Return what a program understands that knows the third version of `SkyMeasured`, too."""
    now, later = todays(), program(3, SKY)
    return Language(
        {**now.classes, **later.classes}, {**now.versions, **later.versions}, now.upcasters
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Cluster]:
    """An empty log, which knows no schema."""
    (tmp_path / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    control.start(tmp_path / "log")
    yield connect(load(tmp_path / "evctl-site.yaml").settings)
    control.stop(tmp_path / "log")


def test_there_is_an_archive_and_none_is_large() -> None:
    assert ARCHIVES
    for folder in ARCHIVES:
        assert sum(path.stat().st_size for path in folder.rglob("*.*")) < MAX_BYTES


@pytest.mark.parametrize("folder", ARCHIVES, ids=lambda path: path.name)
def test_it_comes_back_to_a_program_whose_events_have_grown(
    log: Cluster, folder: Path, tmp_path: Path
) -> None:
    newest = Registry(log, grown())
    done = bring(log, folder, registry=newest)
    assert (done.complete, done.added + done.repeats) == (True, done.records)

    held = manifest.read(folder)
    reader = Reader(folder, held)
    archived = {part.topic + str(part.partition): part for part in held.partitions}
    for topic, partitions in ((OBSERVATORY, 1), (ALERTS, 3)):
        parts = [archived[f"{topic.name}{number}"] for number in range(partitions)]
        first = [said(message, "") for part in parts for message in reader.messages(part)]
        there = everything(log, topic)
        assert [one for one in there if one not in first] == []
        assert len(there) == len(first) - (done.repeats if topic is OBSERVATORY else 0)

    kept = {(entry.subject, entry.version): entry for entry in newest.entries()}
    for one in held.schemas:
        entry = kept[one.subject, one.version]
        assert (entry.id, entry.schema) == (one.id, one.schema)
    decode = Decoder(newest).record
    number = kept["evctl.SkyMeasured", 1].id
    sky = [
        decode(message).event
        for message in read(log, OBSERVATORY)
        if framing.schema_id_of(message.value()) == number
    ]
    assert list(map(repr, sky)) == [
        repr(SKY[2](MIDNIGHT + seq * 1_000_000, 21.5, 1000.0 + seq, "V")) for seq in range(EVENTS)
    ]
    assert newest.schema(number, Position("observatory", 0, 0))["fields"][1]["name"] == "brightness"

    again = export(log, tmp_path / "again", held.night).manifest
    same = {one.path: one.digest for one in held.partitions if one.topic == ALERTS.name}
    assert {one.path: one.digest for one in again.partitions if one.path in same} == same
    assert again.schemas == held.schemas


def test_a_log_that_numbers_its_schemas_otherwise_gets_the_same_events(log: Cluster) -> None:
    """As one does whose _schemas an external registry has written."""
    (folder,) = ARCHIVES[:1]
    held = manifest.read(folder)
    (tcs,) = [one for one in held.schemas if one.subject == "evctl.TcsEvent"]
    topics.ensure(log, [SCHEMAS])
    key = {"keytype": "SCHEMA", "subject": tcs.subject, "version": tcs.version, "magic": 1}
    value = {"subject": tcs.subject, "version": tcs.version, "id": 3}
    value["schema"] = json.dumps(tcs.schema)
    producer = log.producer()
    producer.produce(SCHEMAS.name, json.dumps(value).encode(), json.dumps(key).encode())
    assert producer.flush(30) == 0

    bring(log, folder)

    reader = Reader(folder, held)
    first = {
        one.id: one.value
        for part in held.partitions
        for one in (said(message, "") for message in reader.messages(part))
    }
    there = [one for one in everything(log, OBSERVATORY) if one.value]
    numbers = {framing.schema_id_of(one.value) for one in there}
    assert 3 in numbers
    assert tcs.id not in numbers
    assert [one.value[5:] for one in there if one.value] == [
        (first[one.id] or b"")[5:] for one in there
    ]
    assert bring(log, folder).added == 0
