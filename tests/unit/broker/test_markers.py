"""Markers and the index of aborted transactions are Kafka's, byte for byte."""

import struct
from pathlib import Path

import pytest

from infra.broker.storage.aborted import Aborted, AbortedIndex
from infra.broker.storage.batch import header_at, validate
from infra.broker.storage.markers import MARKER_SIZE, is_commit, marker
from tests.unit.broker.batches import batch


@pytest.mark.parametrize("commit", [True, False])
def test_a_marker_is_a_valid_control_batch_of_78_bytes(commit: bool) -> None:
    made = marker(2**40, 12, commit=commit, now_ms=1234)
    header = validate(memoryview(made))
    assert len(made) == MARKER_SIZE == 78
    assert (header.is_control, header.is_transactional, header.codec) == (True, True, 0)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (2**40, 12, -1)
    assert (header.base_timestamp, header.max_timestamp) == (1234, 1234)
    # length 16, attributes, deltas, key of 4: version 0 and type, value of 6: version 0, epoch 0
    key = b"\0\0\0\1" if commit else b"\0\0\0\0"
    assert bytes(made[61:]) == b"\x20\0\0\0\x08" + key + b"\x0c" + bytes(6) + b"\0"
    assert is_commit(made, header) is commit


def test_data_is_no_marker() -> None:
    for transactional in (True, False):
        made = batch([0], pid=1, epoch=0, sequence=0, transactional=transactional)
        assert is_commit(made, header_at(made)) is None


def test_the_index_is_kafkas(tmp_path: Path) -> None:
    path = tmp_path / "0.txnindex"
    index = AbortedIndex()
    index.write(path)
    assert not path.exists()
    index.append(Aborted(7, 10, 19, 15))
    index.write(path)
    index.append(Aborted(8, 15, 30, 31))
    index.write(path)
    rows = [struct.pack(">hqqqq", 0, 7, 10, 19, 15), struct.pack(">hqqqq", 0, 8, 15, 30, 31)]
    assert path.read_bytes() == b"".join(rows)
    assert AbortedIndex.load(path).entries == index.entries


def test_rows_of_a_life_before_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "0.txnindex"
    path.write_bytes(b"x" * 100)
    AbortedIndex().write(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("start", "end", "pids"),
    [(0, 10, []), (0, 11, [7]), (19, 20, [7, 8]), (20, 99, [8]), (30, 31, [8]), (31, 99, [])],
)
def test_what_overlaps(start: int, end: int, pids: list[int]) -> None:
    index = AbortedIndex()
    index.append(Aborted(7, 10, 19, 15))
    index.append(Aborted(8, 15, 30, 31))
    assert [aborted.producer_id for aborted in index.overlapping(start, end)] == pids
