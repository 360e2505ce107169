"""A time is found exactly, in batches of every codec and in logs whose times do not rise."""

import struct
from collections.abc import Callable
from pathlib import Path

import cramjam
import pytest

from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from tests.unit.broker.batches import batch

TIMES = [50, 20, 70, 70, 10, 90]


def xerial(data: bytes) -> bytes:
    """Compress as Java's client does: a header, and blocks with their lengths."""
    out = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    for start in range(0, len(data), 40):
        block = bytes(cramjam.snappy.compress_raw(data[start : start + 40]))
        out += struct.pack(">i", len(block)) + block
    return out


@pytest.mark.parametrize(
    ("codec", "compress"),
    [
        (0, bytes),
        (1, lambda data: bytes(cramjam.gzip.compress(data))),
        (2, lambda data: bytes(cramjam.snappy.compress_raw(data))),
        (2, xerial),
        (3, lambda data: bytes(cramjam.lz4.compress(data))),
        (4, lambda data: bytes(cramjam.zstd.compress(data))),
    ],
    ids=["none", "gzip", "snappy", "snappy-xerial", "lz4", "zstd"],
)
def test_the_first_record_at_or_after_a_time(
    tmp_path: Path, codec: int, compress: Callable[[bytes], bytes]
) -> None:
    log = PartitionLog.create(tmp_path / "t-0", LogSettings(segment_bytes=1024))
    for step in range(20):
        times = [100 * step + time for time in TIMES]
        made = batch(times, codec=codec, compress=compress, payload=b"x" * 30)
        log.append(memoryview(made), now_ms=0)
    log.reveal(log.tail())
    every = [
        (100 * step + time, 6 * step + i) for step in range(20) for i, time in enumerate(TIMES)
    ]
    for wanted in range(0, 2100, 7):
        expected = next(((time, offset) for time, offset in every if time >= wanted), None)
        assert log.first_at(wanted) == expected
    assert log.latest_timestamp() == (1990, 119)
    log.close()


def test_an_empty_log_has_no_times(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", LogSettings())
    assert log.first_at(0) is None
    assert log.latest_timestamp() is None
    log.close()
