"""Requests about transactions in every version, and the errors that clients are told."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from infra.broker.errors import Code
from infra.broker.protocol.apis import APIS
from tests.unit.broker.coordinator_stage import Stage, stage
from tests.unit.broker.test_codecs_against_kio import request, response

INIT, ADD_PARTITIONS, ADD_OFFSETS, END, COMMIT = 22, 24, 25, 26, 28
VERSIONS = pytest.mark.parametrize("version", range(4))


async def ask(broker: Any, key: int, version: int, **values: Any) -> Any:
    """Send a request as its bytes; returns the answer, decoded from its bytes."""
    client: Any = None
    reply = APIS[key].handle(broker, client, version, request(key, version, **values))
    if isinstance(reply, Coroutine):
        reply = await reply
    assert isinstance(reply, list)
    return response(key, version, reply)


async def begin(broker: Stage, version: int, **producer: int) -> tuple[int, int]:
    """Initialise a producer; returns its id and epoch."""
    known = {"producer_id": -1, "producer_epoch": -1} | producer
    told = await ask(
        broker, INIT, version, transactional_id="t", transaction_timeout=60_000, **known
    )
    assert told.error_code == Code.NONE
    return told.producer_id, told.producer_epoch


async def add(
    broker: Stage, version: int, sender: tuple[int, int], *partitions: int, name: str = "t"
) -> list[int]:
    """Add partitions of topic a; returns their codes."""
    told = await ask(
        broker,
        ADD_PARTITIONS,
        version,
        v3_and_below_transactional_id=name,
        v3_and_below_producer_id=sender[0],
        v3_and_below_producer_epoch=sender[1],
        v3_and_below_topics=[{"name": "a", "partitions": list(partitions)}],
    )
    (topic,) = told.results_by_topic_v3_and_below
    assert [p.partition_index for p in topic.results_by_partition] == list(partitions)
    return [p.partition_error_code for p in topic.results_by_partition]


async def other(
    broker: Stage, key: int, version: int, sender: tuple[int, int], **values: Any
) -> int:
    told = await ask(
        broker,
        key,
        version,
        transactional_id="t",
        producer_id=sender[0],
        producer_epoch=sender[1],
        **values,
    )
    code: int = told.error_code
    return code


async def send_offsets(broker: Stage, version: int, sender: tuple[int, int], **who: Any) -> int:
    row = {
        "partition_index": 0,
        "committed_offset": 5,
        "committed_leader_epoch": -1,
        "committed_metadata": "note",
    }
    member = {"generation_id": -1, "member_id": "", "group_instance_id": None} | who
    told = await ask(
        broker,
        COMMIT,
        version,
        transactional_id="t",
        group_id="g",
        producer_id=sender[0],
        producer_epoch=sender[1],
        topics=[{"name": "a", "partitions": [row]}],
        **member,
    )
    code: int = told.topics[0].partitions[0].error_code
    return code


@VERSIONS
def test_a_transaction_in_every_version(tmp_path: Path, version: int) -> None:
    async def run() -> None:
        async with stage(tmp_path) as broker:
            sender = await begin(broker, version)
            assert await add(broker, version, sender, 0, 1) == [0, 0]
            assert await send_offsets(broker, version, sender) == Code.INVALID_TXN_STATE
            assert await other(broker, ADD_OFFSETS, version, sender, group_id="g") == 0
            assert await send_offsets(broker, version, sender) == 0
            assert broker.offsets.get("g", "a", 0) is None
            assert await other(broker, END, version, sender, committed=True) == 0
            committed = broker.offsets.get("g", "a", 0)
            assert committed is not None
            assert (committed.offset, committed.metadata) == (5, "note")
            assert await other(broker, END, version, sender, committed=True) == 0
            refused = await other(broker, END, version, sender, committed=False)
            assert refused == Code.INVALID_TXN_STATE

    asyncio.run(run())


@VERSIONS
def test_what_a_fenced_producer_is_told(tmp_path: Path, version: int) -> None:
    fenced = Code.PRODUCER_FENCED if version >= 2 else Code.INVALID_PRODUCER_EPOCH

    async def run() -> None:
        async with stage(tmp_path) as broker:
            old = await begin(broker, version)
            new = await begin(broker, version)
            assert new == (old[0], old[1] + 1)
            assert await add(broker, version, old, 0, 1) == [fenced, fenced]
            assert await other(broker, ADD_OFFSETS, version, old, group_id="g") == fenced
            assert await other(broker, END, version, old, committed=True) == fenced
            assert await send_offsets(broker, version, old) == Code.INVALID_PRODUCER_EPOCH
            stranger = (new[0] + 1000, 0)
            mapping = Code.INVALID_PRODUCER_ID_MAPPING
            assert await add(broker, version, stranger, 0) == [mapping]
            assert await add(broker, version, new, 0, name="unknown") == [mapping]
            assert await add(broker, version, new, 0, name="") == [Code.INVALID_REQUEST]

    asyncio.run(run())


@VERSIONS
def test_an_unknown_partition_hinders_all_of_a_request(tmp_path: Path, version: int) -> None:
    async def run() -> None:
        async with stage(tmp_path) as broker:
            sender = await begin(broker, version)
            codes = await add(broker, version, sender, 0, 7)
            assert codes == [Code.OPERATION_NOT_ATTEMPTED, Code.UNKNOWN_TOPIC_OR_PARTITION]
            refused = await other(broker, END, version, sender, committed=True)
            assert refused == Code.INVALID_TXN_STATE

    asyncio.run(run())


@pytest.mark.parametrize("version", [3, 4])
def test_a_producer_raises_its_own_epoch(tmp_path: Path, version: int) -> None:
    fenced = Code.PRODUCER_FENCED if version >= 4 else Code.INVALID_PRODUCER_EPOCH

    async def run() -> None:
        async with stage(tmp_path) as broker:
            pid, epoch = await begin(broker, version)
            for _ in range(2):  # the second is a repetition
                raised = await begin(broker, version, producer_id=pid, producer_epoch=epoch)
                assert raised == (pid, epoch + 1)
            await begin(broker, version)
            told = await ask(
                broker,
                INIT,
                version,
                transactional_id="t",
                transaction_timeout=60_000,
                producer_id=pid,
                producer_epoch=epoch,
            )
            assert (told.error_code, told.producer_id) == (fenced, -1)

    asyncio.run(run())


def test_a_member_of_another_generation_commits_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as broker:
            sender = await begin(broker, 3)
            await other(broker, ADD_OFFSETS, 3, sender, group_id="g")
            refused = await send_offsets(broker, 3, sender, generation_id=4, member_id="m")
            assert refused == Code.ILLEGAL_GENERATION

    asyncio.run(run())
