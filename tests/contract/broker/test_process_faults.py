"""Faults of the disk that a broker meets when it starts or changes topics: said, and survived."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.cimpl import NewTopic

from infra.broker import control, ownership
from infra.broker.errors import StartFailed
from tests.contract.broker.conftest import Clients
from tests.waiting import until

Start = Callable[..., Clients]


def test_a_topic_whose_creation_was_refused_is_not_there(
    start_broker: Start, tmp_path: Path
) -> None:
    clients = start_broker(tmp_path / "log")
    in_the_way = tmp_path / "log" / "topics.json.new"
    in_the_way.mkdir()
    with pytest.raises(KafkaException, match="refuses topic"):
        clients.admin.create_topics([NewTopic("t", 1, 1)])["t"].result()
    in_the_way.rmdir()
    clients.admin.create_topics([NewTopic("t", 1, 1)])["t"].result()
    clients.produce("t", [b"v"])
    control.stop(tmp_path / "log")
    assert start_broker(tmp_path / "log").read("t", 1) == [b"v"]


def test_a_topic_whose_deletion_was_refused_is_there(start_broker: Start, tmp_path: Path) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic()
    clients.produce(topic, [b"v"])
    in_the_way = tmp_path / "log" / "topics.json.new"
    in_the_way.mkdir()
    with pytest.raises(KafkaException, match="Disk error"):
        clients.admin.delete_topics([topic])[topic].result()
    in_the_way.rmdir()
    assert clients.read(topic, 1) == [b"v"]
    clients.admin.delete_topics([topic])[topic].result()


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
@pytest.mark.parametrize("place", [0, -1], ids=["closed", "last"])
def test_a_missing_index_is_made_anew(
    start_broker: Start, tmp_path: Path, suffix: str, place: int
) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic(segment_bytes="20000", index_interval_bytes="1000")
    values = [b"%d" % n * 100 for n in range(300)]
    for first in range(0, len(values), 10):  # batches of some kB, in segments of several
        clients.produce(topic, values[first : first + 10])
    control.stop(tmp_path / "log")
    sorted((tmp_path / "log" / f"{topic}-0").glob(f"*{suffix}"))[place].unlink()
    clients = start_broker(tmp_path / "log")
    assert clients.read(topic, len(values)) == values
    clients.produce(topic, [b"more"])
    assert clients.read(topic, 1, offset=len(values)) == [b"more"]
    said = (tmp_path / "log" / "broker.log").read_text()
    assert place or f"{suffix} is missing: its index is made anew" in said


def test_what_ends_a_broker_from_within_is_in_its_log(tmp_path: Path) -> None:
    endpoint = control.start(tmp_path / "log")
    os.kill(endpoint.pid, signal.SIGABRT)  # as a library does that finds no memory
    until(lambda: not ownership.is_owned(tmp_path / "log"), "the broker goes on")
    said = (tmp_path / "log" / control.LOG_FILE).read_text()
    assert "Fatal Python error: Aborted" in said
    assert "infra/broker/__main__.py" in said


def test_what_ends_a_start_is_in_the_log(tmp_path: Path) -> None:
    control.start(tmp_path / "log")
    control.stop(tmp_path / "log")
    (tmp_path / "log" / "producer-ids.json").write_text("")
    with pytest.raises(StartFailed):
        control.start(tmp_path / "log")
    assert "Traceback" in (tmp_path / "log" / "broker.log").read_text()
    (tmp_path / "log" / "producer-ids.json").unlink()
    (tmp_path / "log" / "topics.json").write_text("{")
    with pytest.raises(StartFailed, match=r"topics\.json does not say which topics there are"):
        control.start(tmp_path / "log")
