"""The log of a partition against a list: appends, repeats, reads, checkpoints, torn tails."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from infra.broker.check import verify_partition
from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.batch import header_at, timestamps
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.recovery import open_log
from tests.unit.broker.batches import batch

WINDOW = 5


def batches_in(data: bytes) -> list[tuple[int, bytes]]:
    """Return (base offset, the part that producers made) of every batch."""
    found, position = [], 0
    while position < len(data):
        header = header_at(data, position)
        found.append((header.base_offset, data[position + 16 : position + header.size]))
        position += header.size
    return found


class LogMachine(RuleBasedStateMachine):
    """Does to a log what clients and crashes do, and knows what must be in it."""

    @initialize(segment=st.integers(1024, 4000), interval=st.integers(0, 400))
    def begin(self, segment: int, interval: int) -> None:
        self.root = tempfile.TemporaryDirectory()
        self.directory = Path(self.root.name) / "topic-0"
        self.directory.mkdir()
        self.settings = LogSettings(
            segment_bytes=segment, index_interval_bytes=interval, max_message_bytes=1000
        )
        self.log = open_log(self.directory, self.settings, now_ms=0)
        self.kept: list[tuple[int, bytes]] = []  # base offset, bytes from the magic on
        self.end = 0
        self.sent: dict[int, list[tuple[bytes, int]]] = {}  # producer → its batches and offsets
        self.next_sequence: dict[int, int] = {}

    def append(self, made: bytearray, count: int) -> None:
        appended = self.log.append(memoryview(made), now_ms=0)
        self.log.reveal(self.log.tail())
        assert appended == (self.end, self.end + count, False)
        self.kept.append((self.end, bytes(made[16:])))
        self.end += count

    @rule(times=st.lists(st.integers(0, 50), min_size=1, max_size=8), size=st.integers(0, 60))
    def append_plain(self, times: list[int], size: int) -> None:
        self.append(batch(times, payload=b"p" * size), len(times))

    @rule(pid=st.integers(0, 2), count=st.integers(1, 5))
    def append_idempotent(self, pid: int, count: int) -> None:
        sequence = self.next_sequence.get(pid, 0)
        made = batch([0] * count, pid=pid, epoch=0, sequence=sequence)
        original = bytes(made)
        self.append(made, count)
        self.sent.setdefault(pid, []).append((original, self.end - count))
        self.next_sequence[pid] = sequence + count

    @rule(pid=st.integers(0, 2), back=st.integers(1, WINDOW))
    def repeat(self, pid: int, back: int) -> None:
        sent = self.sent.get(pid, [])
        if len(sent) < back:
            return
        original, offset = sent[-back]
        appended = self.log.append(memoryview(bytearray(original)), now_ms=0)
        assert (appended.base_offset, appended.duplicate) == (offset, True)

    @rule(pid=st.integers(0, 2), gap=st.integers(1, 3))
    def leave_a_gap(self, pid: int, gap: int) -> None:
        if pid not in self.next_sequence:
            return
        made = batch([0], pid=pid, epoch=0, sequence=self.next_sequence[pid] + gap)
        with pytest.raises(ProtocolError) as refused:
            self.log.append(memoryview(made), now_ms=0)
        assert refused.value.code == Code.OUT_OF_ORDER_SEQUENCE_NUMBER

    @rule(flip=st.integers(21, 60))
    def send_garbage(self, flip: int) -> None:
        made = batch([0])
        made[flip] ^= 0xFF
        with pytest.raises(ProtocolError) as refused:
            self.log.append(memoryview(made), now_ms=0)
        assert refused.value.code == Code.CORRUPT_MESSAGE

    @rule(data=st.data(), limit=st.integers(1, 2000))
    def read(self, data: st.DataObject, limit: int) -> None:
        offset = data.draw(st.integers(0, self.end))
        found = batches_in(self.log.read(offset, limit))
        expected = [
            (base, body)
            for number, (base, body) in enumerate(self.kept)
            if base >= offset or number + 1 == len(self.kept) or self.kept[number + 1][0] > offset
        ]
        if offset == self.end:
            expected = []
        assert found == expected[: len(found)]
        assert bool(found) == bool(expected)
        if len(found) > 1:
            assert sum(len(body) + 16 for _, body in found) <= limit

    @rule(wanted=st.integers(0, 55))
    def look_up_time(self, wanted: int) -> None:
        assert self.log.first_at(wanted) == self.brute_force(wanted)

    def brute_force(self, target: int) -> tuple[int, int] | None:
        for base, body in self.kept:
            whole = memoryview(base.to_bytes(8, "big") + (len(body) + 4).to_bytes(4, "big"))
            for offset, time in timestamps(memoryview(bytes(whole) + bytes(4) + body)):
                if time >= target:
                    return time, offset
        return None

    @rule()
    def checkpoint(self) -> None:
        self.log.checkpoint(now_ms=0).write_recent(self.directory)

    @rule()
    def synced_checkpoint(self) -> None:
        job = self.log.synced_checkpoint(now_ms=0)
        job.run()
        self.log.vouched(job)
        assert self.log.since_synced == 0

    @rule(torn=st.binary(max_size=80), partial=st.integers(0, 100))
    def crash(self, torn: bytes, partial: int) -> None:
        """Leave garbage, or the beginning of a batch, behind the last segment, and open again."""
        self.log.close()
        last = max(self.directory.glob("*.log"))
        begun = batch([0, 1, 2], payload=b"t" * 40)
        begun[0:8] = self.end.to_bytes(8, "big")
        begun[12:16] = bytes(4)
        with last.open("ab") as file:
            file.write(bytes(begun[:partial]) or torn)
        self.log = open_log(self.directory, self.settings, now_ms=0)

    @rule()
    def lose_the_checkpoint(self) -> None:
        self.log.close()
        for path in self.directory.glob("checkpoint*"):
            path.unlink()
        self.log = open_log(self.directory, self.settings, now_ms=0)

    @invariant()
    def everything_is_there(self) -> None:
        assert self.log.end_offset == self.log.high_watermark == self.end
        found, offset = [], 0
        while offset < self.end:
            part = self.log.read(offset, 10**6)
            found += batches_in(part)
            offset = self.log.end_offset if not part else self.next_offset(part)
        assert found == self.kept
        assert verify_partition(self.directory, online=False).findings == []

    def next_offset(self, part: bytes) -> int:
        base, body = batches_in(part)[-1]
        return base + int.from_bytes(body[7:11], "big") + 1

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()
            self.root.cleanup()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_segment_is_left_when_it_is_full(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", LogSettings(segment_bytes=1024))
    for _ in range(10):
        log.append(memoryview(batch([0], payload=b"x" * 300)), now_ms=0)
    names = sorted(path.name for path in (tmp_path / "t-0").glob("*.log"))
    assert names == [f"{base:020d}.log" for base in (0, 2, 4, 6, 8)]
    log.close()
