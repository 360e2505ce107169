"""Containers are split without change, and damage is told, whatever it is."""

import gzip
import io
from contextlib import suppress
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.publishing.errors import InputUnreadable, RecordRefused
from infra.publishing.inputs import from_files, from_stream
from infra.publishing.records import AvroItem, FramedItem, Item
from schemas.avro import physical

SCHEMA = {
    "type": "record",
    "name": "alert",
    "namespace": "sky",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "stamp", "type": ["null", "bytes"], "default": None},
        {"name": "history", "type": {"type": "array", "items": "double"}},
    ],
}
# instants beyond what datetime holds: to split a container is not to understand it
RECORDS = [
    {"id": n, "at": 2**55 * n, "stamp": None if n % 2 else bytes([n]) * n, "history": [0.5] * n}
    for n in range(40)
]


def written(codec: str = "null") -> bytes:
    buffer = io.BytesIO()
    fastavro.writer(buffer, SCHEMA, RECORDS, codec=codec, sync_interval=200)
    return buffer.getvalue()


def read(data: bytes) -> list[Item]:
    return list(from_stream(io.BufferedReader(io.BytesIO(data)), "in"))


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy"])
def test_records_are_cut_out_as_they_stand(codec: str) -> None:
    items = read(written(codec))
    assert [item.where for item in items] == [f"in, record {n}" for n in range(1, 41)]
    for item, record in zip(items, RECORDS, strict=True):
        assert isinstance(item, AvroItem)
        assert item.fields == record
        parsed = fastavro.parse_schema(physical(item.schema))
        assert fastavro.schemaless_reader(io.BytesIO(item.data), parsed, None) == record


def test_gzip_is_opened(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.avro", tmp_path / "a.avro.gz"
    plain.write_bytes(written())
    packed.write_bytes(gzip.compress(written()))
    one, other = (list(from_files([file])) for file in (plain, packed))
    assert [item[1:] for item in one] == [item[1:] for item in other]
    assert len(one) == 40


def test_a_frame_is_taken_off() -> None:
    assert read(b"\0\0\0\3\x84rest") == [FramedItem("in", 900, b"rest")]
    with pytest.raises(RecordRefused, match="The value begins with 00 01"):
        read(b"\0\1")


def _damaged(data: bytes, changes: list[tuple[int, int]], length: int) -> bytes:
    changed = bytearray(data)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    return bytes(changed[: length % (len(changed) + 1)])


@given(
    st.sampled_from(["null", "deflate", "snappy"]),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=4),
    st.integers(0),
    st.booleans(),
)
def test_damage_is_a_sentence_and_never_another_error(
    codec: str, changes: list[tuple[int, int]], length: int, zipped: bool
) -> None:
    data = written(codec)
    with suppress(RecordRefused, InputUnreadable):
        read(_damaged(gzip.compress(data) if zipped else data, changes, length))


def test_a_container_cut_off_names_the_last_whole_record() -> None:
    with pytest.raises(RecordRefused, match=r"in, after record \d+: the Avro"):
        read(written()[:-30])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for file in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputUnreadable, match="can't be read") as fault:
            list(from_files([file]))
        assert fault.value.exit_code == 66
