"""The coordinator of transactions: what a start makes of what a crash has left, step by step."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.offsets import Committed
from infra.broker.storage import files
from infra.broker.transactions.transaction import Transaction, TxnState
from infra.clock import utc_micros
from tests.unit.broker.batches import batch
from tests.unit.broker.coordinator_stage import KEY, PLACES, Stage, stage

JOURNAL = "transactions.log"


def decided(open_one: Transaction, at: Stage, *, commit: bool) -> Transaction:
    """Return the transaction as it is kept before the first marker is written."""
    ends = {place: at.log(place).end_offset for place in PLACES}
    return open_one.decided(ends, utc_micros() // 1000, commit=commit)


def cut_last_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))


@pytest.mark.parametrize("written", [0, 1, 2, 3])
@pytest.mark.parametrize("commit", [True, False])
def test_a_start_finishes_what_was_decided(tmp_path: Path, written: int, commit: bool) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            ending = decided(await first.begun(), first, commit=commit)
            first.store.keep(ending)
            for place in PLACES[:written]:
                first.topics.partition(*place).append_marker(
                    ending.producer_id, ending.epoch, commit=commit
                )
        async with stage(tmp_path) as second:
            outcome = TxnState.COMPLETE_COMMIT if commit else TxnState.COMPLETE_ABORT
            assert second.store.by_id["t"].state is outcome
            assert second.markers() == [[commit]] * 3
            assert second.everything_is_decided()
            assert second.offsets.get(*KEY) == (Committed(7) if commit else None)
            assert not second.offsets.pending

    asyncio.run(run())


def test_what_is_complete_but_not_known_to_be_is_not_ended_twice(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
            await first.coordinator.end("t", known.producer_id, known.epoch, commit=True)
        cut_last_line(tmp_path / JOURNAL)
        async with stage(tmp_path) as second:
            assert second.markers() == [[True]] * 3
            assert second.store.by_id["t"].state is TxnState.COMPLETE_COMMIT

    asyncio.run(run())


def test_an_open_transaction_goes_on_after_a_start(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
        async with stage(tmp_path) as second:
            assert second.markers() == [[]] * 3
            assert second.offsets.pending[KEY] == 1
            second.send(known, sequence=1)
            await second.coordinator.end("t", known.producer_id, known.epoch, commit=True)
            assert second.markers() == [[True]] * 3
            assert second.offsets.get(*KEY) == Committed(7)
            assert not second.offsets.pending

    asyncio.run(run())


def test_a_timeout_that_passed_meanwhile_aborts_and_fences(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
            long_ago = known.started_ms - known.timeout_ms - 1
            first.store.keep(replace(known, started_ms=long_ago))
        async with stage(tmp_path) as second:
            while second.store.by_id["t"].state is not TxnState.COMPLETE_ABORT:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert second.markers() == [[False]] * 3
            with pytest.raises(ProtocolError) as refused:
                await second.coordinator.end("t", known.producer_id, known.epoch, commit=True)
            assert refused.value.code is Code.PRODUCER_FENCED
            late = batch([0], pid=known.producer_id, epoch=0, sequence=1, transactional=True)
            produced, _ = second.topics.partition("a", 0).append(memoryview(late))
            assert produced.error == Code.INVALID_PRODUCER_EPOCH

    asyncio.run(run())


def test_what_the_coordinator_has_lost_is_aborted(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            await first.begun()
        (tmp_path / JOURNAL).write_bytes(b"")
        async with stage(tmp_path) as second:
            assert second.markers() == [[False]] * 3
            assert second.everything_is_decided()

    asyncio.run(run())


def test_a_marker_that_was_lost_after_the_commit_is_written_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
            await first.coordinator.end("t", known.producer_id, known.epoch, commit=True)
            path = first.log(("a", 1)).segments[-1].path
        path.write_bytes(path.read_bytes()[:-78])
        async with stage(tmp_path) as second:
            assert second.markers() == [[True]] * 3

    asyncio.run(run())


def test_markers_are_on_the_disk_first_where_the_topic_asks_for_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            settings = {"flush.messages": "1"}
            await first.topics.create(first.topics.check("synced", 1, 1, settings))
            known = await first.coordinator.initialise("t", 60_000, None)
            sender = (known.producer_id, known.epoch)
            first.coordinator.add_partitions("t", *sender, [("synced", 0)])
            made = batch([0], pid=sender[0], epoch=0, sequence=0, transactional=True)
            first.topics.partition("synced", 0).append(memoryview(made))
            assert first.log(("synced", 0)).high_watermark == 0
            await first.coordinator.end("t", *sender, commit=True)
            assert first.log(("synced", 0)).high_watermark == 2
            assert first.log(("synced", 0)).last_stable_offset == 2

    asyncio.run(run())


def test_a_topic_that_is_deleted_does_not_keep_a_transaction_open(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
            await first.topics.delete("b")
            await first.coordinator.end("t", known.producer_id, known.epoch, commit=True)
            assert first.store.by_id["t"].state is TxnState.COMPLETE_COMMIT

    asyncio.run(run())


def test_a_decision_that_the_disk_refuses_is_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
            sender = (known.producer_id, known.epoch)
            with monkeypatch.context() as patched:
                patched.setattr(files, "sync_data", refuse)
                with pytest.raises(ProtocolError) as refused:
                    await first.coordinator.end("t", *sender, commit=True)
            assert refused.value.code is Code.COORDINATOR_NOT_AVAILABLE
            assert first.markers() == [[]] * 3
            with pytest.raises(ProtocolError) as refused:
                await first.coordinator.initialise("other", 1000, None)
            assert refused.value.code is Code.COORDINATOR_NOT_AVAILABLE

    asyncio.run(run())


def test_an_instance_that_raises_its_epoch_gets_it_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.begun()
            mine = (known.producer_id, known.epoch)
            raised = await first.coordinator.initialise("t", 60_000, mine)
            assert (raised.producer_id, raised.epoch) == (mine[0], mine[1] + 1)
            again = await first.coordinator.initialise("t", 60_000, mine)
            assert again.epoch == raised.epoch
            await first.coordinator.initialise("t", 60_000, None)
            with pytest.raises(ProtocolError) as refused:
                await first.coordinator.initialise("t", 60_000, mine)
            assert refused.value.code is Code.PRODUCER_FENCED

    asyncio.run(run())


def test_ids_that_were_away_for_a_week_are_forgotten(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as first:
            known = await first.coordinator.initialise("t", 60_000, None)
            first.store.keep(replace(known, updated_ms=known.updated_ms - 8 * 24 * 3600 * 1000))
        async with stage(tmp_path) as second:
            with pytest.raises(ProtocolError) as refused:
                second.coordinator.add_partitions("t", known.producer_id, known.epoch, PLACES)
            assert refused.value.code is Code.INVALID_PRODUCER_ID_MAPPING

    asyncio.run(run())
