"""A byte changes on the disk: who reads it is stopped with an error, everything else goes on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, TopicPartition

from infra.broker import control
from infra.broker.cleaning.scrub import Progress
from tests.contract.broker.conftest import Clients
from tests.waiting import until

BATCHES = 30
HIT = 10


@pytest.fixture
def damaged(tmp_path: Path, start_broker: Callable[..., Clients]) -> tuple[Clients, str, Path]:
    """A broker, its topic of one-record batches in some segments, and the file with a flipped bit.

    The broker was stopped in good order before the bit flipped.
    """
    data_dir = tmp_path / "log"
    clients = start_broker(data_dir)
    topic = clients.topic(segment_bytes="1500", index_interval_bytes="0")
    for number in range(BATCHES):
        clients.produce(topic, [b"%02d" % number + b"x" * 100])
    control.stop(data_dir)
    path = max(p for p in (data_dir / f"{topic}-0").glob("*.log") if int(p.stem) <= HIT)
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[8:12], "big") + 12
    content[size * (HIT - int(path.stem)) + 80] ^= 4
    path.write_bytes(content)
    return start_broker(data_dir), topic, path


def test_a_reader_is_stopped_with_an_error_and_the_rest_stays_readable(
    damaged: tuple[Clients, str, Path],
) -> None:
    clients, topic, path = damaged
    before = path.read_bytes()
    assert [v[:2] for v in clients.read(topic, HIT)] == [b"%02d" % n for n in range(HIT)]

    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, HIT)])
    message = consumer.poll(60)
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.code() == KafkaError.INVALID_MSG  # 2, CORRUPT_MESSAGE: no client retries that
    assert not error.retriable()
    consumer.close()

    after = clients.read(topic, BATCHES - HIT - 1, offset=HIT + 1)
    assert [v[:2] for v in after] == [b"%02d" % n for n in range(HIT + 1, BATCHES)]
    clients.produce(topic, [b"new"])
    assert clients.read(topic, 1, offset=BATCHES) == [b"new"]
    log = (clients.data_dir / control.LOG_FILE).read_text()
    assert log.count(f"{topic}[0]@{HIT} is damaged: {path} byte ") == 1
    assert path.read_bytes() == before, "nothing is cut away"


def test_the_scrub_tells_of_it_before_anybody_reads(damaged: tuple[Clients, str, Path]) -> None:
    clients, topic, _path = damaged
    control.stop(clients.data_dir)
    command = [sys.executable, "-m", "infra.broker", "--data-dir", str(clients.data_dir)]
    with subprocess.Popen([*command, "--scrub-after-s", "0"], stderr=subprocess.DEVNULL) as broker:
        until(lambda: Progress.read(clients.data_dir).ended > 0, "no pass ended")
        (finding,) = Progress.read(clients.data_dir).findings
        assert f"{topic}[0]@{HIT}" in finding
        evctl = Path(sys.executable).with_name("evctl")
        directory = f"EVCTL_LOG__DATA_DIR={clients.data_dir}"
        shown = subprocess.run(
            ["env", directory, str(evctl), "broker", "status"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
        assert f"DAMAGE: {finding}" in shown
        broker.terminate()
