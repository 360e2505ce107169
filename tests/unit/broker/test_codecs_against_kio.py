"""The codecs packed by hand agree with kio, which is made from Kafka's own message definitions."""

import io
import random
import struct
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from kio.index import load_request_schema, load_response_schema
from kio.serial import entity_reader, entity_writer

from infra.broker.errors import Code, MalformedFrame
from infra.broker.protocol import codec_cold, codec_data, codec_lookup
from infra.broker.protocol.apis import APIS
from infra.broker.protocol.codec_data import Fetched, Produced
from infra.broker.protocol.codec_lookup import Cluster, OffsetFound, TopicFound
from infra.broker.protocol.wire import uvarint
from infra.broker.storage.aborted import Aborted
from tests.crash.requests import Requests

TOPIC_ID = uuid.UUID(int=7)
BY_HAND = {0, 1, 2, 3, 17, 18, 36}
NO_EXTRAS = {
    "allow_auto_topic_creation": False,
    "include_cluster_authorized_operations": False,
    "include_topic_authorized_operations": False,
}


def request(key: int, version: int, **values: Any) -> memoryview:
    """Encode a request with kio, from plain values of the newest version."""
    kind = load_request_schema(key, version)
    known = codec_cold._plan(kind)
    built = {
        name: timedelta(milliseconds=values[name])
        if kafka_type == "timedelta_i32"
        else codec_cold._convert(values[name], kafka_type, nested)
        for name, kafka_type, nested in known
        if name in values
    }
    out = io.BytesIO()
    entity_writer(kind)(out, kind(**built))
    return memoryview(out.getvalue())


def response(key: int, version: int, parts: list[bytes]) -> Any:
    """Decode a response with kio; every byte must have been used."""
    content = b"".join(parts)
    decoded, size = entity_reader(load_response_schema(key, version))(content, 0)
    assert size == len(content)
    return decoded


def versions(name: str) -> pytest.MarkDecorator:
    """Parametrise a test with all versions of an API that the broker speaks."""
    api = next(api for api in APIS.values() if api.name == name)
    return pytest.mark.parametrize("version", range(api.lowest, api.highest + 1))


@versions("Produce")
def test_produce(version: int) -> None:
    partitions = [{"index": 3, "records": b"batch"}, {"index": 4, "records": None}]
    body = request(
        0,
        version,
        transactional_id=None,
        acks=-1,
        timeout=30_000,
        topic_data=[{"name": "tópic", "partition_data": partitions}],
    )
    read = codec_data.read_produce(version, body)
    assert (read.transactional_id, read.acks) == (None, -1)
    ((name, rows),) = read.topics
    assert (name, [(i, r and bytes(r)) for i, r in rows]) == ("tópic", [(3, b"batch"), (4, None)])

    outcome = [Produced(3, 0, 77, 5), Produced(4, Code.KAFKA_STORAGE_ERROR, message="full")]
    told = response(0, version, codec_data.pack_produced(version, [("tópic", outcome)]))
    good, bad = told.responses[0].partition_responses
    assert (good.index, good.error_code, good.base_offset) == (3, 0, 77)
    assert (bad.index, bad.error_code, bad.base_offset) == (4, 56, -1)
    if version >= 5:
        assert good.log_start_offset == 5
    if version >= 8:
        assert (good.error_message, bad.error_message) == (None, "full")


@versions("Fetch")
@pytest.mark.parametrize("records", [b"", b"x" * 200_000])
def test_fetch(version: int, records: bytes) -> None:
    partitions = [
        {"partition": p, "fetch_offset": 2**40 + p, "partition_max_bytes": 1000 + p}
        for p in range(3)
    ]
    body = request(
        1,
        version,
        replica_id=-1,
        max_wait=500,
        min_bytes=1,
        max_bytes=2**20,
        isolation_level=1,
        session_id=0,
        session_epoch=-1,
        topics=[{"topic": "a", "partitions": partitions}],
        forgotten_topics_data=[],
        rack_id="",
    )
    read = codec_data.read_fetch(version, body)
    assert (read.max_wait_ms, read.min_bytes, read.max_bytes, read.isolation) == (500, 1, 2**20, 1)
    expected = [(p, 2**40 + p, 1000 + p) for p in range(3)]
    assert [(name, [tuple(row) for row in rows]) for name, rows in read.topics] == [("a", expected)]

    aborted = [Aborted(7, 3, 5, 6), Aborted(8, 4, 6, 7)]
    packing = codec_data.FetchPacking(version, 1)
    parts = packing.begin(1)
    packing.topic(parts, "a", 2)
    packing.row(parts, Fetched(1, 0, 9, 8, 2, records, aborted))
    packing.row(parts, Fetched(2, Code.OFFSET_OUT_OF_RANGE))
    packing.end(parts)
    packing.end(parts)
    good, bad = response(1, version, parts).responses[0].partitions
    assert (good.partition_index, good.error_code, good.high_watermark) == (1, 0, 9)
    assert (good.last_stable_offset, bytes(good.records)) == (8, records)
    transactions = [(a.producer_id, a.first_offset) for a in good.aborted_transactions]
    assert transactions == [(7, 3), (8, 4)]
    assert (bad.error_code, bytes(bad.records), bad.aborted_transactions) == (1, b"", ())


@versions("ListOffsets")
def test_list_offsets(version: int) -> None:
    partitions = [{"partition_index": 5, "timestamp": -2}]
    topics = [{"name": "a", "partitions": partitions}]
    body = request(2, version, replica_id=-1, isolation_level=1, topics=topics)
    isolation = 1 if version >= 2 else 0
    assert codec_lookup.read_list_offsets(version, body) == (isolation, [("a", [(5, -2)])])
    parts = codec_lookup.pack_list_offsets(version, [("a", [OffsetFound(5, 0, 123, 42)])])
    found = response(2, version, parts).topics[0].partitions[0]
    assert (found.partition_index, found.error_code, found.offset) == (5, 0, 42)


@versions("Metadata")
def test_metadata(version: int) -> None:
    topics = [{"name": "a", "topic_id": None}]
    body = request(
        3,
        version,
        topics=topics,
        **NO_EXTRAS,
    )
    queries = codec_lookup.read_metadata(version, body)
    assert queries is not None
    assert [query.name for query in queries] == ["a"]

    found = [TopicFound(0, "a", TOPIC_ID, 2), TopicFound(3, "b", uuid.UUID(int=0), 0)]
    cluster = Cluster("cluster", "127.0.0.1", 9092)
    told = response(3, version, codec_lookup.pack_metadata(version, cluster, found))
    assert [(b.node_id, b.host, b.port) for b in told.brokers] == [(1, "127.0.0.1", 9092)]
    assert [(t.error_code, t.name, len(t.partitions)) for t in told.topics] == [
        (0, "a", 2),
        (3, "b", 0),
    ]
    assert [(p.partition_index, p.leader_id) for p in told.topics[0].partitions] == [(0, 1), (1, 1)]
    if version >= 10:
        assert told.topics[0].topic_id == TOPIC_ID


@versions("Metadata")
def test_metadata_of_all_topics(version: int) -> None:
    body = (
        memoryview(b"\0\0\0\0") if version == 0 else request(3, version, topics=None, **NO_EXTRAS)
    )
    assert codec_lookup.read_metadata(version, body) is None


@versions("ApiVersions")
def test_api_versions(version: int) -> None:
    parts = codec_lookup.pack_api_versions(version, 0, [(0, 3, 9), (1, 4, 12)])
    told = response(18, version, parts)
    rows = [(a.api_key, a.min_version, a.max_version) for a in told.api_keys]
    assert rows == [(0, 3, 9), (1, 4, 12)]


@versions("SaslAuthenticate")
def test_sasl_authenticate(version: int) -> None:
    body = request(36, version, auth_bytes=b"\0user\0token")
    assert codec_lookup.read_sasl_authenticate(version, body) == b"\0user\0token"
    parts = codec_lookup.pack_sasl_authenticate(version, 58, "no")
    told = response(36, version, parts)
    assert (told.error_code, told.error_message, told.auth_bytes) == (58, "no", b"")


def test_sasl_handshake() -> None:
    told = response(17, 1, codec_lookup.pack_sasl_handshake(33, ["PLAIN"]))
    assert (told.error_code, told.mechanisms) == (33, ("PLAIN",))


@pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)
def test_flexible_versions_are_kafkas(api: Any) -> None:
    for version in range(api.lowest, api.highest + 1):
        flexible = load_request_schema(api.key, version).__flexible__
        assert flexible == (version >= api.flexible_from), version


def test_a_request_that_is_cut_off_is_malformed() -> None:
    with pytest.raises(MalformedFrame):
        codec_cold.decode(10, 3, memoryview(b"\x05ab"))


def drawn(requests: Requests, draw: Callable[[], bytes]) -> Iterator[tuple[int, int, memoryview]]:
    """Yield (key, version, body) of requests that kio's classes are for."""
    for _ in range(3000):
        frame = memoryview(draw())
        if len(frame) < 11:
            continue
        key, version = struct.unpack_from(">hh", frame)
        api = APIS.get(key)
        if key not in BY_HAND and api is not None and api.lowest <= version <= api.highest:
            yield key, version, frame[11 + (version >= api.flexible_from) :]


def test_other_requests_are_decoded_as_kio_does() -> None:
    requests = Requests(random.Random(1))
    for key, version, body in drawn(requests, requests.valid):
        expected, _ = entity_reader(load_request_schema(key, version))(bytes(body), 0)
        assert codec_cold.decode(key, version, body) == expected


def test_a_spoiled_request_is_decoded_or_refused() -> None:
    """The errors are those with which a connection is closed; kio's reader ended the process."""
    requests, refused = Requests(random.Random(2)), 0
    for key, version, body in drawn(requests, requests.spoiled):
        try:
            codec_cold.decode(key, version, body)
        except (MalformedFrame, struct.error, IndexError):
            refused += 1
    assert refused > 300


def test_null_is_refused_where_the_protocol_has_none() -> None:
    for body, why in (
        (b"\0", "DeleteGroupsRequest without its groups_names"),
        (b"\2\0", "null where"),
    ):
        with pytest.raises(MalformedFrame, match=why):
            codec_cold.decode(42, 2, memoryview(body + b"\0"))


@pytest.mark.parametrize("announced", [2**31 - 1, 2**35 - 1])
def test_entries_that_are_only_announced_take_no_memory(announced: int) -> None:
    groups = uvarint(announced + 1) + b"\x02g"
    with pytest.raises(MalformedFrame, match=f"{announced} entries announced, 2 bytes are left"):
        codec_cold.decode(42, 2, memoryview(groups))
