"""Files of an archive: what goes in comes out byte for byte, and other Avro readers read it."""

import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import avro.datafile
import avro.io
import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.archive import envelope
from infra.archive.containers import Data, DataFile, RowsFile, rows
from infra.archive.errors import DamagedArchive
from schemas.avro import physical, schema_of, schema_writer
from schemas.catalogue import events
from schemas.events.tcs import TcsEvent
from tests.unit.schemas.arbitrary import data_of

SCHEMA = schema_of(TcsEvent)
ENCODE = schema_writer(SCHEMA)

INT64 = st.integers(-(2**63), 2**63 - 1)
BYTES = st.none() | st.binary()
ROW = st.fixed_dictionaries(
    {
        "offset": INT64,
        "timestamp": INT64,
        "key": BYTES,
        "headers": st.lists(st.fixed_dictionaries({"name": st.text(), "value": BYTES})),
        "schema": st.none() | st.integers(1, 2**31 - 1),
        "size": st.integers(0, 2**31 - 1),
        "value": BYTES,
        "repeat": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive") / "file.avro"


def written(path: Path, schema: Any, data: list[bytes]) -> bytes:
    """Write data; return the file's bytes."""
    file = DataFile(path, schema)
    for datum in data:
        file.add(datum)
    file.close()
    assert file.records == len(data)
    return path.read_bytes()


def taken(path: Path, sizes: list[int]) -> list[bytes]:
    """Take data of these sizes, and nothing else, from a file."""
    with closing(Data(path)) as file:
        found = [file.take(size) for size in sizes]
        file.finish()
        assert file.records == len(sizes)
        return found


@settings(max_examples=20)
@given(st.data())
def test_events_come_back_byte_for_byte_and_are_plain_avro(path: Path, data: st.DataObject) -> None:
    schema = schema_of(data.draw(st.sampled_from(list(events().values()))))
    given = data.draw(st.lists(data_of(schema), max_size=5))
    encoded = [schema_writer(schema)(one) for one in given]

    whole = written(path, schema, encoded)

    assert taken(path, list(map(len, encoded))) == encoded
    assert written(path, schema, encoded) == whole
    blocks = fastavro.block_reader(io.BytesIO(whole))
    assert json.loads(blocks.metadata["avro.schema"]) == schema
    decoded = [one for block in blocks for one in _decoded(block, schema)]
    assert [schema_writer(schema)(one) for one in decoded] == encoded


def _decoded(block: Any, schema: Any) -> list[Any]:
    """Return the data of a block; times stay numbers, for not each is one of a calendar."""
    plain = fastavro.parse_schema(physical(schema))
    return [fastavro.schemaless_reader(block.bytes_, plain, None) for _ in range(block.num_records)]


@settings(max_examples=20)
@given(st.lists(ROW, max_size=5))
def test_rows_come_back(path: Path, given: list[dict[str, Any]]) -> None:
    file = RowsFile(path, envelope.SCHEMA)
    for row in given:
        file.add(row)
    file.close()

    assert list(rows(path)) == given


def tcs(number: int, size: int = 10) -> dict[str, Any]:
    """Return the fields of an event of about so many bytes."""
    return {
        "data_time": 1_763_604_000_000_000 + number,
        "wire_time": 1_763_604_000_000_000,
        "system": "tcs",
        "source": "tracker",
        "key": "position",
        "more_data": False,
        "values": {"n": number, "x": 0.5, "text": "y" * size},
        "original_text": {},
    }


def test_another_library_reads_many_blocks(path: Path) -> None:
    given = [tcs(number, 70_000 if number % 7 == 0 else 10) for number in range(50)]
    encoded = [ENCODE(one) for one in given]
    written(path, SCHEMA, encoded)

    assert taken(path, list(map(len, encoded))) == encoded
    with path.open("rb") as file, avro.datafile.DataFileReader(file, avro.io.DatumReader()) as all_:
        found: list[Any] = list(all_)
    assert [one["values"] for one in found] == [one["values"] for one in given]
    with path.open("rb") as file:
        again: list[Any] = list(fastavro.reader(file))
    assert [one["values"] for one in again] == [one["values"] for one in given]


def test_data_of_no_bytes_are_counted(path: Path) -> None:
    written(path, "null", [b""] * 3)
    assert taken_none(path) == 3


def taken_none(path: Path) -> int:
    """Return how many data there are, of which none has a byte."""
    file = Data(path)
    file.take(0)
    file.finish()
    return file.records


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([1], "has events that are no record's"),
        ([1, 2, 1], "ends before its last event"),
        ([1, 3], "has an event that its block does not hold"),
    ],
)
def test_other_sizes_than_were_written_are_told(path: Path, sizes: list[int], said: str) -> None:
    written(path, "long", [b"\x02", b"\x80\x01"])

    with pytest.raises(DamagedArchive, match=said):
        taken(path, sizes)


@pytest.mark.parametrize("cut", [3, 60, -20])
def test_a_file_that_was_cut_off_is_told(path: Path, cut: int) -> None:
    encoded = [ENCODE(tcs(number)) for number in range(20)]
    path.write_bytes(written(path, SCHEMA, encoded)[:cut])

    with pytest.raises(DamagedArchive, match=r"can't be read|ends before"):
        taken(path, list(map(len, encoded)))
