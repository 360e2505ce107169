"""Transactions of several producers in one log, against a list: any order, any crash."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra.broker.check import verify_partition
from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.batch import BatchHeader, header_at
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.markers import is_commit
from infra.broker.storage.recovery import open_log
from tests.unit.broker.batches import batch

PIDS = st.integers(0, 3)


@dataclass
class Sent:
    """A batch of the model; `outcome` is null while its transaction is open."""

    base: int
    end: int
    payload: bytes
    outcome: bool | None


@dataclass
class Writer:
    """A producer of the model."""

    epoch: int = 0
    sequence: int = 0
    is_open: bool = False
    batches: list[Sent] = field(default_factory=list)  # of the open transaction
    last: bytes = b""
    last_base: int = -1


def batches_of(data: bytes) -> list[tuple[BatchHeader, bytes]]:
    found, position = [], 0
    while position < len(data):
        header = header_at(data, position)
        found.append((header, data[position : position + header.size]))
        position += header.size
    return found


def read_as_client(
    log: PartitionLog, start: int, max_bytes: int, *, committed: bool
) -> list[tuple[int, bytes]]:
    """Return (base offset, batch) of all data from `start` on, filtered as Kafka's clients do."""
    found: list[tuple[int, bytes]] = []
    offset = start
    while data := log.read(offset, max_bytes, committed=committed):
        aborted = sorted(log.aborted(offset, len(data)), key=lambda a: a.first_offset)
        skipped: set[int] = set()
        for header, content in batches_of(data):
            if committed:
                while aborted and aborted[0].first_offset <= header.last_offset:
                    skipped.add(aborted.pop(0).producer_id)
            if header.is_control:
                if is_commit(content, header) is False:
                    skipped.discard(header.producer_id)
            elif not (header.is_transactional and header.producer_id in skipped):
                found.append((header.base_offset, content))
            offset = header.last_offset + 1
    return found


class TransactionMachine(RuleBasedStateMachine):
    """Does to a log what transactional producers, their coordinator and crashes do."""

    @initialize(segment=st.integers(600, 3000), interval=st.integers(0, 400))
    def begin_log(self, segment: int, interval: int) -> None:
        self.root = tempfile.TemporaryDirectory()
        self.directory = Path(self.root.name) / "topic-0"
        self.directory.mkdir()
        self.settings = LogSettings(segment_bytes=segment, index_interval_bytes=interval)
        self.log = open_log(self.directory, self.settings, now_ms=0)
        self.sent: list[Sent] = []
        self.end = 0
        self.writers = {pid: Writer() for pid in range(4)}
        self.count = 0

    def append(self, made: bytearray, records: int, outcome: bool | None) -> Sent:
        payload = bytes(made[16:])
        appended = self.log.append(memoryview(made), now_ms=0)
        assert appended == (self.end, self.end + records, False)
        self.log.reveal(self.log.tail())
        sent = Sent(self.end, self.end + records, payload, outcome)
        self.sent.append(sent)
        self.end += records
        return sent

    def made(self, pid: int, records: int, *, epoch: int | None = None) -> bytearray:
        writer = self.writers[pid]
        self.count += 1
        return batch(
            [0] * records,
            pid=pid,
            epoch=writer.epoch if epoch is None else epoch,
            sequence=writer.sequence,
            payload=b"%d" % self.count,
            transactional=True,
        )

    @rule(records=st.integers(1, 4))
    def append_plain(self, records: int) -> None:
        self.count += 1
        made = batch([0] * records, payload=b"plain %d" % self.count)
        self.append(made, records, outcome=True)

    @rule(pid=PIDS, records=st.integers(1, 4))
    def append_in_transaction(self, pid: int, records: int) -> None:
        writer = self.writers[pid]
        if not writer.is_open:
            writer.is_open = True
            self.log.producers.admitted[pid] = writer.epoch
        made = self.made(pid, records)
        writer.last, writer.last_base = bytes(made), self.end
        writer.batches.append(self.append(made, records, outcome=None))
        writer.sequence += records

    @rule(pid=PIDS)
    def repeat(self, pid: int) -> None:
        writer = self.writers[pid]
        if writer.last:
            again = self.log.append(memoryview(bytearray(writer.last)), now_ms=0)
            assert (again.base_offset, again.duplicate) == (writer.last_base, True)

    def end_transaction(self, pid: int, *, commit: bool) -> None:
        writer = self.writers[pid]
        marker = self.log.append_marker(pid, writer.epoch, commit=commit, now_ms=0)
        assert marker == (self.end, self.end + 1, False)
        self.log.reveal(self.log.tail())
        self.end += 1
        for sent in writer.batches:
            sent.outcome = commit
        writer.batches = []
        writer.is_open = False

    @rule(pid=PIDS, commit=st.booleans())
    def decide(self, pid: int, commit: bool) -> None:
        self.end_transaction(pid, commit=commit)

    @rule(pid=PIDS)
    def fence(self, pid: int) -> None:
        writer = self.writers[pid]
        writer.epoch += 1
        self.end_transaction(pid, commit=False)
        writer.sequence, writer.last = 0, b""

    def refused(self, made: bytearray) -> Code:
        try:
            self.log.append(memoryview(made), now_ms=0)
        except ProtocolError as refused:
            return refused.code
        raise AssertionError("the batch was taken")

    @rule(pid=PIDS)
    def write_as_zombie(self, pid: int) -> None:
        epoch = self.writers[pid].epoch
        if epoch:
            assert self.refused(self.made(pid, 1, epoch=epoch - 1)) == Code.INVALID_PRODUCER_EPOCH

    @rule(pid=PIDS)
    def write_outside_of_a_transaction(self, pid: int) -> None:
        if not self.writers[pid].is_open:
            assert self.refused(self.made(pid, 1)) == Code.INVALID_TXN_STATE

    @rule(recent=st.booleans(), synced=st.booleans())
    def reopen(self, recent: bool, synced: bool) -> None:
        before = [list(segment.aborted.entries) for segment in self.log.segments]
        if synced:
            self.log.synced_checkpoint(now_ms=0).run()
        if recent:
            self.log.checkpoint(now_ms=0).write_recent(self.directory)
        self.log.close()
        self.log = open_log(self.directory, self.settings, now_ms=0)
        assert [list(segment.aborted.entries) for segment in self.log.segments] == before
        for pid, writer in self.writers.items():
            if writer.is_open:
                self.log.producers.admitted[pid] = writer.epoch

    @rule()
    def checkpoint_that_is_not_the_end(self) -> None:
        self.log.checkpoint(now_ms=0).write_recent(self.directory)

    @invariant()
    def readers_see_what_they_should(self) -> None:
        assert self.log.high_watermark == self.end
        undecided = [sent.base for sent in self.sent if sent.outcome is None]
        assert self.log.last_stable_offset == min([*undecided, self.end])

    @precondition(lambda self: self.sent)
    @rule(share=st.floats(0, 1), max_bytes=st.integers(1, 4000), committed=st.booleans())
    def read(self, share: float, max_bytes: int, committed: bool) -> None:
        start = round(share * self.end)
        found = read_as_client(self.log, start, max_bytes, committed=committed)
        end = self.log.last_stable_offset if committed else self.end
        expected = [
            (sent.base, sent.payload)
            for sent in self.sent
            if sent.end > start
            and sent.base < end
            and start < end
            and (sent.outcome or not committed)
        ]
        assert [(base, content[16:]) for base, content in found] == expected

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.synced_checkpoint(now_ms=0).run()
            self.log.close()
            assert verify_partition(self.directory, online=False).findings == []
            self.root.cleanup()


TestTransactions = TransactionMachine.TestCase
TestTransactions.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
