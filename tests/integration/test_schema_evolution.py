"""Programs of three versions on one log: each reads what every other has written.

The schemas are on `_schemas`, or in a real registry with Confluent's API.
"""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
import urllib3

from infra.apicurio import Apicurio
from infra.broker import control
from infra.log import topics
from infra.log.cluster import Cluster, RegistryAddress, connect
from infra.log.decoding import Decoder
from infra.log.errors import RegistryRefused, Undecodable, VersionTaken
from infra.log.registry import Registry, store_of
from infra.log.writing import Producer
from infra.settings import load
from schemas import avro, framing
from schemas.avro import schema_of
from schemas.language import Language
from schemas.record import reported
from schemas.topics import OBSERVATORY
from tests.integration.replay_log import read
from tests.unit.schemas.three_versions import POINTED, SKY, VERSIONS, program

SKY_1, SKY_2, SKY_3 = SKY
POINTED_1, POINTED_2, POINTED_3 = POINTED
_NAMES = (f"test{number}." for number in count())


class Program:
    """A program that was made when a version was the newest."""

    def __init__(self, cluster: Cluster, language: Language) -> None:
        self._cluster = cluster
        self.registry = Registry(cluster, language)

    def write(self, *events: Any) -> None:
        """Append events of its own classes."""
        topics.ensure(self._cluster, [OBSERVATORY])
        producer = Producer(self._cluster)
        name = OBSERVATORY.full_name(self._cluster.namespace)
        for seq, event in enumerate(events):
            prefix = framing.prefix(self.registry.register_event(type(event)))
            value = avro.writer(type(event), prefix)(event)
            producer.send(name, value, None, 0, event.time // 1000 or 1, reported("test", seq))
        producer.flush()

    def read(self) -> list[Any]:
        """Return everything on the log, as this program understands it."""
        decoder = Decoder(self.registry)
        return [decoder.record(message).event for message in read(self._cluster, OBSERVATORY)]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    control.start(folder / "log")
    yield connect(load(folder / "evctl-site.yaml").settings)
    control.stop(folder / "log")


@pytest.fixture(params=["_schemas", "apicurio"])
def cluster(log: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """A namespace of its own, with its schemas in one place or the other."""
    cluster = log.in_namespace(next(_NAMES))
    if request.param == "apicurio":
        registry: Apicurio = request.getfixturevalue("apicurio")
        cluster.registry = RegistryAddress(registry.url)
    return cluster


@pytest.fixture
def programs(cluster: Cluster) -> Callable[[int], Program]:
    """Start the program of a version."""
    return lambda version: Program(cluster, program(version))


def test_each_program_reads_what_every_other_has_written(
    programs: Callable[[int], Program],
) -> None:
    first, second, third = map(programs, VERSIONS)
    first.write(SKY_1(7, 21.5, 1234, "moon"), POINTED_1(8, "10.5 -3"))
    second.write(SKY_2(17, 21.25, 5, "", "B", True), POINTED_2(18, 1.0, 2.0))
    third.write(SKY_3(27, 21.0, 4.6, "R"), POINTED_3(28, 3.0, 4.0, settled=False))

    assert list(map(repr, first.read())) == [
        repr(SKY_1(7, 21.5, 1234, "moon")),
        repr(POINTED_1(8, "10.5 -3")),
        repr(SKY_1(17, 21.25, 5, "")),
        repr(POINTED_1(18, "0 0")),
        repr(SKY_1(27, 21.0, 5, "none")),
        repr(POINTED_1(28, "0 0")),
    ]
    assert list(map(repr, second.read())) == [
        repr(SKY_2(7, 21.5, 1234, "moon", "V", None)),
        repr(POINTED_2(8, 10.5, -3.0)),
        repr(SKY_2(17, 21.25, 5, "", "B", True)),
        repr(POINTED_2(18, 1.0, 2.0)),
        repr(SKY_2(27, 21.0, 5, "none", "R", None)),
        repr(POINTED_2(28, 3.0, 4.0)),
    ]
    assert list(map(repr, third.read())) == [
        repr(SKY_3(7, 21.5, 1234.0, "V")),
        repr(POINTED_3(8, 10.5, -3.0, settled=True)),
        repr(SKY_3(17, 21.25, 5.0, "B")),
        repr(POINTED_3(18, 1.0, 2.0, settled=True)),
        repr(SKY_3(27, 21.0, 4.6, "R")),
        repr(POINTED_3(28, 3.0, 4.0, settled=False)),
    ]


def test_versions_are_numbered_as_they_are_published_whoever_comes_first(
    programs: Callable[[int], Program], cluster: Cluster
) -> None:
    programs(3).registry.register_event(SKY_3)
    programs(1).registry.register_event(SKY_1)

    kept = {
        entry.version: avro.fingerprint_of(entry.schema)
        for entry in store_of(cluster).entries()
        if entry.subject == "evctl.SkyMeasured"
    }
    assert kept[1] == avro.fingerprint_of(schema_of(SKY_1))
    assert kept[3] == avro.fingerprint_of(schema_of(SKY_3))


def test_a_number_that_an_old_program_can_not_round_is_told_with_field_and_position(
    programs: Callable[[int], Program],
) -> None:
    programs(3).write(SKY_3(7, 21.0, float("inf"), "R"))

    with pytest.raises(Undecodable, match=r"observatory\[0\]@0 .* field stars: inf is no whole"):
        programs(1).read()


def test_a_registry_may_hold_avro_s_rules_alone_against_a_renamed_field(
    apicurio: Apicurio,
) -> None:
    """An old program of another kind could not find it: `docs/reference/records.md` says so."""
    store = store_of(Cluster("127.0.0.1:1", "", {}, registry=RegistryAddress(apicurio.url)))
    versions = [schema_of(cls) for cls in SKY]
    for rule in ("FULL_TRANSITIVE", "BACKWARD_TRANSITIVE"):
        store.add(f"{rule}.Sky", versions[:1])
        body = json.dumps({"compatibility": rule})
        header = {"Content-Type": "application/json"}
        urllib3.request("PUT", f"{apicurio.url}/config/{rule}.Sky", body=body, headers=header)

    with pytest.raises(RegistryRefused, match=r"\(409\): .*brightness .*`evctl schema check`"):
        store.add("FULL_TRANSITIVE.Sky", versions)
    store.add("BACKWARD_TRANSITIVE.Sky", versions)

    kept = [(entry.subject, entry.version) for entry in store.entries()]
    assert [version for subject, version in kept if subject == "FULL_TRANSITIVE.Sky"] == [1]
    assert [version for subject, version in kept if subject == "BACKWARD_TRANSITIVE.Sky"] == [
        1,
        2,
        3,
    ]


def test_two_programs_can_not_give_one_version_two_meanings(log: Cluster) -> None:
    """Else the later one's schema would take the other's place when the topic is compacted."""
    one, two, other = ({**schema_of(cls), "name": "SkySeen"} for cls in SKY)
    store = store_of(log)
    store.open()
    number = store.add("evctl.SkySeen", [one, two])

    with pytest.raises(VersionTaken, match=r"Version 2 of evctl\.SkySeen"):
        store.add("evctl.SkySeen", [one, other])
    assert store.add("evctl.SkySeen", [one, two]) == number


def test_a_version_that_another_log_had_is_kept_without_those_before(cluster: Cluster) -> None:
    schema = {**schema_of(SKY_2), "name": "SkyKept"}
    store = store_of(cluster)
    store.open()
    number = store.keep("evctl.SkyKept", 2, schema)

    assert store.find(number) == schema
    assert store.keep("evctl.SkyKept", 2, schema) == number
    (kept,) = [entry for entry in store.entries() if entry.subject == "evctl.SkyKept"]
    assert (kept.id, kept.schema) == (number, schema)


def test_one_look_does_for_all_records_that_were_read(log: Cluster) -> None:
    one, two = ({**schema_of(cls), "name": "SkyLooked"} for cls in SKY[:2])
    reader, writer = store_of(log), store_of(log)
    reader.open()
    writer.open()
    reader.fetched()
    first = writer.add("evctl.SkyLooked", [one])
    assert reader.find(first) == one
    second = writer.add("evctl.SkyLooked", [one, two])

    assert reader.find(second) is None
    reader.fetched()
    assert reader.find(second) == two


def test_a_schema_that_a_registry_on_the_same_topic_has_numbered_keeps_its_number(
    log: Cluster,
) -> None:
    """Karapace and Confluent's registry keep what they are told on `_schemas`, too."""
    schema = {**schema_of(SKY_1), "name": "SkyShared"}
    key = {"keytype": "SCHEMA", "subject": "evctl.SkyShared", "version": 1, "magic": 1}
    value = {"subject": "evctl.SkyShared", "version": 1, "id": 3, "schema": json.dumps(schema)}
    producer = log.producer()
    producer.produce("_schemas", json.dumps(value).encode(), json.dumps(key).encode())
    assert producer.flush(30) == 0

    store = store_of(log)
    store.open()

    assert store.add("evctl.SkyShared", [schema]) == 3
    assert store.find(3) == schema
