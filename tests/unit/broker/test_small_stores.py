"""What the broker keeps beside the logs: committed offsets, producer ids, topics, token, lock."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.broker import auth, ownership
from infra.broker.errors import AlreadyOwned, Code, ProtocolError
from infra.broker.groups.offsets import Committed, CommittedOffsets
from infra.broker.ownership import Lock, Owner
from infra.broker.storage import journal
from infra.broker.storage.producer_ids import ProducerIds
from infra.broker.storage.topic_config import OPTIONS, TopicOption, log_settings, validate


def test_committed_offsets_are_there_after_a_crash(tmp_path: Path) -> None:
    store = CommittedOffsets(tmp_path)
    store.commit([(("g", "a", 0), Committed(5)), (("g", "ä", 1), Committed(7, 3, "note"))])
    store.commit([(("g", "a", 0), Committed(6))])
    with (tmp_path / "committed-offsets.log").open("ab") as file:
        file.write(b'0badcafe ["g", "a", 0, 99, -1, ""]\n')
    again = CommittedOffsets(tmp_path)
    assert again.of_group("g") == {"a": {0: Committed(6)}, "ä": {1: Committed(7, 3, "note")}}
    again.commit([(("g", "b", 0), Committed(1))])
    assert CommittedOffsets(tmp_path).get("g", "b", 0) == Committed(1)


@given(torn=st.binary(max_size=60))
def test_a_torn_line_takes_nothing_else_along(
    tmp_path_factory: pytest.TempPathFactory, torn: bytes
) -> None:
    directory = tmp_path_factory.mktemp("offsets")
    CommittedOffsets(directory).commit([(("g", "a", 0), Committed(5))])
    with (directory / "committed-offsets.log").open("ab") as file:
        file.write(torn)
    assert CommittedOffsets(directory).of_group("g") == {"a": {0: Committed(5)}}


def test_the_file_of_offsets_does_not_grow_for_ever(tmp_path: Path) -> None:
    store = CommittedOffsets(tmp_path)
    for first in range(0, 100_000, 1000):
        store.commit((("g", "a", 0), Committed(offset)) for offset in range(first, first + 1000))
    assert (tmp_path / "committed-offsets.log").stat().st_size < 1.1 * journal.REWRITE_BYTES
    store.commit([(("g", "a", 1), Committed(1))])
    again = CommittedOffsets(tmp_path)
    assert again.of_group("g") == {"a": {0: Committed(99_999), 1: Committed(1)}}


def test_a_disk_that_refuses_to_rewrite_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CommittedOffsets(tmp_path)
    (tmp_path / "committed-offsets.log.new").mkdir()  # where the new content would go
    store.commit((("g", "a", 0), Committed(offset)) for offset in range(40_000))
    assert "is not rewritten" in caplog.text
    store.commit([(("g", "a", 1), Committed(1))])
    again = CommittedOffsets(tmp_path)
    assert again.of_group("g") == {"a": {0: Committed(39_999), 1: Committed(1)}}


def test_a_deleted_group_takes_its_offsets_along(tmp_path: Path) -> None:
    store = CommittedOffsets(tmp_path)
    store.commit([(("g", "a", 0), Committed(5)), (("h", "a", 0), Committed(6))])
    store.forget_group("g")
    again = CommittedOffsets(tmp_path)
    assert (again.groups(), again.of_group("g")) == ({"h"}, {})


def test_a_forgotten_topic_stays_forgotten(tmp_path: Path) -> None:
    store = CommittedOffsets(tmp_path)
    store.commit([(("g", "a", 0), Committed(5)), (("g", "b", 0), Committed(6))])
    store.forget_topic("a")
    assert CommittedOffsets(tmp_path).of_group("g") == {"b": {0: Committed(6)}}


def test_producer_ids_are_never_given_twice(tmp_path: Path) -> None:
    given_out: list[int] = []
    for _ in range(3):
        ids = ProducerIds(tmp_path)
        given_out += [ids.fresh() for _ in range(1500)]
    assert len(set(given_out)) == len(given_out)


def test_a_locked_directory_names_its_owner(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    with pytest.raises(AlreadyOwned, match="just starting"):
        Lock(tmp_path)
    lock.tell(Owner(4321, "127.0.0.1", 9, None))
    with pytest.raises(AlreadyOwned, match="process 4321"):
        Lock(tmp_path)
    assert ownership.owner_of(tmp_path) == Owner(4321, "127.0.0.1", 9, None)
    lock.release()
    assert ownership.owner_of(tmp_path) is None
    Lock(tmp_path).release()


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        (b"\0evctl\0secret", True),
        (b"evctl\0evctl\0secret", True),
        (b"\0evctl\0wrong", False),
        (b"\0other\0secret", False),
        (b"evctl\0secret", False),
        (b"", False),
    ],
)
def test_sasl_plain(message: bytes, accepted: bool) -> None:
    assert auth.accepts(message, "secret") is accepted


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_every_default_is_accepted(option: TopicOption) -> None:
    name, default = option.name, option.default
    assert validate({name: default}) == {name: default}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.ms", "-2"),
        ("segment.bytes", "3000000000"),
        ("cleanup.policy", "burn"),
        ("min.cleanable.dirty.ratio", "nan"),
        ("flush.messages", ""),
        ("no.such.setting", "1"),
    ],
)
def test_what_can_not_be_honoured_is_refused(name: str, value: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        validate({name: value})
    assert refused.value.code == Code.INVALID_CONFIG
    assert name in refused.value.message


def test_logs_obey_what_is_set_and_defaults_else() -> None:
    settings = log_settings({"segment.bytes": "2048", "flush.messages": "1"})
    assert (settings.segment_bytes, settings.flush_messages) == (2048, 1)
    assert (settings.max_message_bytes, settings.flush_ms) == (1_048_588, 1000)
