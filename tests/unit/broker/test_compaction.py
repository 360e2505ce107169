"""Compaction of random logs: of each key the newest record stays, where it was."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.broker.check import verify_partition
from infra.broker.cleaning import compaction, dirt, swap
from infra.broker.cleaning.compaction import Compacted, Replaced, Task
from infra.broker.errors import LogDamaged
from infra.broker.storage import markers
from infra.broker.storage.batch import header_at
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.compression import compress
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.markers import is_commit
from infra.broker.storage.records import records
from infra.broker.storage.recovery import open_log
from infra.broker.storage.segment import Segment
from tests.unit.broker.batches import keyed_batch

SETTINGS = LogSettings(
    segment_bytes=1024, index_interval_bytes=200, deletes=False, min_cleanable_dirty_ratio=0.0
)
_TRANSACTIONAL, _CONTROL = 0x10, 0x30
ABORT, COMMIT = b"\0\0\0\0", b"\0\0\0\1"

Keyed = tuple[bytes | None, bytes | None]


def in_memory() -> tempfile.TemporaryDirectory[str]:
    """Return a directory on which many syncs cost nothing, where the system has one."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


class Seen(NamedTuple):
    """A record as a reader sees it."""

    offset: int
    key: bytes | None
    body: bytes
    timestamp: int


def read_all(log: PartitionLog) -> list[Seen]:
    """Read a log from its start, as a consumer does."""
    found: list[Seen] = []
    offset = log.start_offset
    while part := log.read(offset, 700):
        position = 0
        while position < len(part):
            header = header_at(part, position)
            batch = memoryview(part)[position : position + header.size]
            found += [
                Seen(r.offset, r.key, r.body[3:], r.timestamp)
                for r in records(batch)
                if r.offset >= offset and not header.is_control
            ]
            position += header.size
        offset = header.last_offset + 1
    assert offset == log.high_watermark or not log.segments[-1].size
    return found


def append(log: PartitionLog, made: bytearray) -> None:
    """Append a batch that clients or the coordinator of transactions have made."""
    made[0:8] = log.end_offset.to_bytes(8, "big")
    made[12:16] = bytes(4)
    header = header_at(made)
    if log.segments[-1].size + len(made) > log.settings.segment_bytes:
        log.roll()
    log.segments[-1].append(memoryview(made), header, log.settings.index_interval_bytes)
    if header.is_control:
        commit = is_commit(memoryview(made), header)
        assert commit is not None
        markers.note(log.segments[-1], log.producers, header, commit=commit, now_ms=0)
    elif header.producer_id >= 0:
        log.producers.note(header, 0)
    log.reveal(log.tail())


def vouch(log: PartitionLog) -> None:
    """Write a synced checkpoint."""
    job = log.synced_checkpoint(now_ms=0)
    job.run()
    log.vouched(job)


def close_last(log: PartitionLog) -> None:
    """Complete the last segment, so that all of the log may be compacted."""
    log.roll()
    vouch(log)


def task_of(log: PartitionLog, now_ms: int = 10_000) -> Task:
    """Return the work that there is."""
    task = dirt.task_for(log, log.closed(), now_ms)
    assert task is not None
    return task


def put_in_place(directory: Path, done: Replaced | Compacted) -> None:
    """Do on the disk what the broker does with a result."""
    known = Boundaries.read(directory)
    match done:
        case Replaced(covers, end):
            known = Boundaries(
                known.log_start_offset, known.clean_below, max(known.gaps_below, end), covers
            )
            known.write(directory)
            swap.commit(directory, covers[0])
            swap.finish(directory, covers)
        case Compacted(clean_below):
            Boundaries(known.log_start_offset, clean_below, known.gaps_below).write(directory)


def compacted(log: PartitionLog, now_ms: int = 10_000) -> PartitionLog:
    """Compact a log and open it again."""
    for done in compaction.compact(task_of(log, now_ms)):
        put_in_place(log.directory, done)
    log.close()
    found = open_log(log.directory, log.settings, now_ms=0)
    assert verify_partition(log.directory, online=False).findings == []
    return found


KEYS = st.sampled_from([b"a", b"b", b"c", b"d" * 32, b"d" * 33, b"e" * 80, b""])
VALUES = st.binary(max_size=60)
BATCHES = st.lists(
    st.tuples(
        st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=6),
        st.integers(0, 4),  # codec
        st.integers(-1, 2),  # producer
    ),
    min_size=1,
    max_size=25,
)


def fill(log: PartitionLog, made: Sequence[tuple[list[Keyed], int, int]]) -> None:
    """Append batches of random codecs and producers."""
    following: dict[int, int] = {}
    for rows, codec, pid in made:
        sequence = following.get(pid, 0)
        following[pid] = sequence + len(rows)
        producer: dict[str, Any] = {"pid": pid, "epoch": 0, "sequence": sequence}
        packing = partial(compress, codec) if codec else bytes
        append(
            log,
            keyed_batch(rows, attributes=codec, compress=packing, **(producer if pid >= 0 else {})),
        )


def newest(seen: list[Seen]) -> list[Seen]:
    """Return the last record of each key, in order."""
    return sorted({record.key: record for record in seen}.values())


@settings(max_examples=80, deadline=None)
@given(first=BATCHES, second=BATCHES)
def test_the_last_record_of_each_key_stays_at_its_offset(first: list, second: list) -> None:  # type: ignore[type-arg]
    with in_memory() as root:
        log = PartitionLog.create(Path(root) / "t-0", SETTINGS)
        for made in (first, second):
            fill(log, made)
            close_last(log)
            before, end = read_all(log), log.end_offset
            states = log.producers.snapshot()
            log = compacted(log)
            assert read_all(log) == newest(before)
            assert (log.end_offset, log.high_watermark) == (end, end)
            assert log.producers.snapshot() == states
            assert log.boundaries.clean_below == end
            for offset in range(end):
                behind = [record for record in read_all(log) if record.offset >= offset]
                assert bool(log.read(offset, 10)) == bool(behind) or not behind
        log.close()


@settings(max_examples=40, deadline=None)
@given(made=BATCHES)
def test_without_a_checkpoint_the_producers_are_still_known(made: list) -> None:  # type: ignore[type-arg]
    with in_memory() as root:
        directory = Path(root) / "t-0"
        log = PartitionLog.create(directory, SETTINGS)
        fill(log, made)
        close_last(log)
        last = {row[0]: row[3][-1][:2] for row in log.producers.snapshot()}  # type: ignore[index]
        log = compacted(log)
        seen = read_all(log)
        log.close()
        for path in directory.glob("checkpoint*"):
            path.unlink()
        log = open_log(directory, SETTINGS, now_ms=0)
        found = {row[0]: row[3][-1][:2] for row in log.producers.snapshot()}  # type: ignore[index]
        assert found == last
        assert read_all(log) == seen
        log.close()


class Killed(Exception):
    """The process is killed here."""


def killing(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the process die before its n-th change of a directory; returns how many came."""
    counted = 0

    def counting(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*arguments: object, **options: object) -> object:
            nonlocal counted
            counted += 1
            if counted > step:
                raise Killed
            return change(*arguments, **options)

        return changed

    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, counting(getattr(Path, name)))
    return lambda: counted


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory in memory."""
    with in_memory() as root:
        yield Path(root)


def test_a_crash_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = PartitionLog.create(tmp_path / "original", SETTINGS)
    for number in range(60):
        append(original, keyed_batch([(b"k%d" % (number % 7), b"v" * 60)]))
    close_last(original)
    wanted = read_all(original)
    original.close()
    step, total = 0, 1
    while step < total:
        directory = tmp_path / f"t-{step}"
        shutil.copytree(tmp_path / "original", directory)
        log = open_log(directory, SETTINGS, now_ms=0)
        task = task_of(log)
        log.close()
        with monkeypatch.context() as patch:
            counted = killing(step, patch)
            try:
                for done in compaction.compact(task):
                    put_in_place(directory, done)
                total = counted()
            except Killed:
                total = step + 2
        log = opened_between_kills(directory, monkeypatch)
        assert newest(read_all(log)) == newest(wanted), step
        assert verify_partition(directory, online=False).findings == []
        left = {path.suffix for path in directory.iterdir()}
        assert not left & {swap.CLEANED, swap.SWAP}
        if dirt.task_for(log, log.closed(), 10_000) is not None:
            log = compacted(log)
        assert read_all(log) == newest(wanted)
        log.close()
        step += 1
    assert step > 10


def opened_between_kills(directory: Path, monkeypatch: pytest.MonkeyPatch) -> PartitionLog:
    """Open a log; each try is killed one step later than the one before it, until one is not."""
    for step in count():
        with monkeypatch.context() as patch:
            killing(step, patch)
            try:
                return open_log(directory, SETTINGS, now_ms=0)
            except Killed:
                continue
    raise AssertionError


def test_tombstones_go_after_their_time(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    append(log, keyed_batch([(b"a", b"1"), (b"b", b"2")], timestamp=5000))
    append(log, keyed_batch([(b"a", None), (b"c", b"3")], timestamp=6000))
    close_last(log)
    log = compacted(log, now_ms=10_000)
    kept = read_all(log)
    assert [(s.offset, s.key, s.timestamp) for s in kept] == [
        (1, b"b", 5001),
        (2, b"a", 6000),
        (3, b"c", 6001),
    ]
    day = log.settings.delete_retention_ms
    for now_ms, offsets in ((10_000 + day - 1, [1, 2, 3, 4]), (10_000 + day, [1, 3, 4, 5])):
        append(log, keyed_batch([(b"n%d" % now_ms, b"new")], timestamp=7000))
        close_last(log)
        log = compacted(log, now_ms=now_ms)
        assert [record.offset for record in read_all(log)] == offsets
    assert [s.timestamp for s in read_all(log)][:2] == [5001, 6001]
    log.close()


def test_an_aborted_record_outdates_nothing(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for pid, end in ((1, ABORT), (2, COMMIT)):
        append(log, keyed_batch([(b"%d" % pid, b"old")]))
        producer: dict[str, Any] = {"pid": pid, "epoch": 0}
        rows = [(b"%d" % pid, b"new")]
        append(log, keyed_batch(rows, attributes=_TRANSACTIONAL, sequence=0, **producer))
        append(log, keyed_batch([(end, b"")], attributes=_CONTROL, **producer))
    close_last(log)
    task = task_of(log)
    assert Task.of(json.loads(json.dumps(asdict(task)))) == task, "the child gets it as JSON"
    assert len(task.aborted) == 1
    log = compacted(log)
    assert [record.offset for record in read_all(log)] == [0, 1, 4]
    assert log.boundaries.clean_below == 6
    passed_over = [(one.producer_id, one.first_offset) for one in log.aborted(0, log.size)]
    assert passed_over == [(1, 1)], "readers of committed records pass over what was aborted"
    log.close()


def test_a_transaction_counts_from_its_end_on(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    append(log, keyed_batch([(b"a", b"old")]))
    producer: dict[str, Any] = {"pid": 1, "epoch": 0}
    append(log, keyed_batch([(b"a", b"new")], attributes=_TRANSACTIONAL, sequence=0, **producer))
    close_last(log)
    assert dirt.task_for(log, log.closed(), 10_000) is None, "its transaction is open"
    append(log, keyed_batch([(COMMIT, b"")], attributes=_CONTROL, **producer))
    log = compacted(log)  # of the records only: their marker is in the segment that is written
    assert [record.offset for record in read_all(log)] == [1]
    assert log.boundaries.clean_below == 2
    log.close()


@pytest.mark.parametrize(("end", "left"), [(COMMIT, []), (ABORT, [b"a"])])
def test_what_a_transaction_deletes_does_not_come_back(
    tmp_path: Path, end: bytes, left: list[bytes]
) -> None:
    """Though its marker lies in the segment that is written, the time of the tombstone counts."""
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    append(log, keyed_batch([(b"a", b"alive")]))
    producer: dict[str, Any] = {"pid": 1, "epoch": 0}
    append(log, keyed_batch([(b"a", None)], attributes=_TRANSACTIONAL, sequence=0, **producer))
    append(log, keyed_batch([(b"b", b"other")], pid=1, epoch=1, sequence=0))  # its last batch
    close_last(log)
    append(log, keyed_batch([(end, b"")], attributes=_CONTROL, **producer))
    log = compacted(log, now_ms=10_000)
    later_ms = 10_000 + log.settings.delete_retention_ms
    if dirt.task_for(log, log.closed(), later_ms) is not None:
        log = compacted(log, later_ms)
    append(log, keyed_batch([(b"c", b"later")]))
    close_last(log)
    log = compacted(log, later_ms)
    assert [s.key for s in read_all(log) if s.key == b"a"] == left
    log.close()


def test_small_segments_become_one(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for number in range(100):
        append(log, keyed_batch([(b"k%d" % (number % 3), b"v" * 50)]))
    close_last(log)
    before = len(log.segments)
    log = compacted(log)
    append(log, keyed_batch([(b"k0", b"v")]))
    close_last(log)
    log = compacted(log)
    assert before > 10
    assert len(log.segments) <= 3
    assert len(read_all(log)) == 3
    log.close()


def test_a_clean_segment_is_left_as_it_is(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    append(log, keyed_batch([(b"a", b"1" * 900)]))
    append(log, keyed_batch([(b"b", b"2" * 900)]))
    append(log, keyed_batch([(b"b", b"3" * 900)]))
    close_last(log)
    results = list(compaction.compact(task_of(log)))
    assert [done.covers for done in results if isinstance(done, Replaced)] == [(1,)]
    assert not (tmp_path / "t-0" / f"{0:020d}.log.cleaned").exists()
    log.close()


def test_too_many_keys_are_compacted_in_turns(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for number in range(200):
        append(log, keyed_batch([(b"k%d" % (number % 50), b"v" * 20)]))
    close_last(log)
    wanted = newest(read_all(log))
    for _ in range(30):
        task = dirt.task_for(log, log.closed(), 10_000)
        if task is None:
            break
        fields = {name: getattr(task, name) for name in Task.__dataclass_fields__}
        for done in compaction.compact(Task(**fields | {"max_keys": 10})):
            put_in_place(log.directory, done)
        log.close()
        log = open_log(log.directory, SETTINGS, now_ms=0)
    assert read_all(log) == wanted
    log.close()


def test_damage_is_named_and_nothing_is_replaced(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for number in range(30):
        append(log, keyed_batch([(b"k%d" % (number % 3), b"v" * 50)]))
    close_last(log)
    path = log.segments[0].path
    content = bytearray(path.read_bytes())
    content[70] ^= 1
    path.write_bytes(content)
    with pytest.raises(LogDamaged) as damaged:
        list(compaction.compact(task_of(log)))
    assert damaged.value.path == path
    assert damaged.value.offset == 0
    assert not list((tmp_path / "t-0").glob("*.cleaned"))
    log.close()


@pytest.mark.parametrize("compacts", [True, False])
def test_only_a_compacted_log_may_have_gaps(tmp_path: Path, compacts: bool) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for key in (b"a", b"a", b"b"):
        append(log, keyed_batch([(key, b"v")]))
    close_last(log)
    log = compacted(log)
    log.close()
    for path in (tmp_path / "t-0").glob("checkpoint*"):
        path.unlink()
    if not compacts:
        Boundaries().write(tmp_path / "t-0")
        with pytest.raises(LogDamaged, match="offset 1 where 0 was expected"):
            open_log(tmp_path / "t-0", SETTINGS, now_ms=0)
    else:
        log = open_log(tmp_path / "t-0", SETTINGS, now_ms=0)
        assert [record.offset for record in read_all(log)] == [1, 2]
        log.close()


def test_readers_of_committed_records_stop_before_one_that_is_open_after_a_swap(
    tmp_path: Path,
) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    append(log, keyed_batch([(b"a", b"old")] * 3))
    log.close()
    log = open_log(tmp_path / "t-0", SETTINGS, now_ms=0)
    log.roll()
    opened = keyed_batch(
        [(b"b", b"uncommitted")], attributes=_TRANSACTIONAL, pid=1, epoch=0, sequence=0
    )
    append(log, opened)
    assert log.last_stable_offset == 3
    old = log.segments[0]
    log.replace([old], Segment.sealed(tmp_path / "t-0", 0, old.next_offset))
    for offset in range(4):
        assert b"uncommitted" not in log.read(offset, 10_000, committed=True)
    log.close()
