"""Apache Kafka on this machine: one standing cluster for all who ask, nodes that die and return."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.kafka import Cluster, standing
from infra.kafka.errors import AnotherSize
from infra.log.codes import AWAY
from tests.waiting import has_ended, until

pytestmark = pytest.mark.usefixtures("kafka_libs")


def test_all_who_ask_at_once_get_the_same_until_it_is_taken_down(tmp_path: Path) -> None:
    try:
        with ThreadPoolExecutor(3) as threads:
            first, *others = threads.map(standing.up, [tmp_path] * 3)
        assert [first, first] == others
        with pytest.raises(AnotherSize, match="1 node"):
            standing.up(tmp_path, nodes=3)
    finally:
        assert standing.down(tmp_path)
    assert not standing.down(tmp_path)
    assert not (tmp_path / "nodes").exists()


def soon(ask: Callable[[], list[int]], wanted: int) -> list[int]:
    """Ask until there are so many answers: not all nodes know of a new topic at once."""
    deadline = time.monotonic() + 60
    while len(found := ask()) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def create(admin: AdminClient, topic: NewTopic) -> None:
    """Ask until it is there: a client that learns of nodes may drop what it was asking of one."""
    while True:
        try:
            admin.create_topics([topic])[topic.topic].result()
        except KafkaException as refused:
            code = refused.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return
            if code not in AWAY:
                raise
        else:
            return


@pytest.mark.slow
def test_three_nodes_keep_what_they_acknowledged_while_one_is_dead(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=3) as kafka:
        admin = AdminClient({**kafka.client_config()})
        create(admin, NewTopic("kept", 3))
        topics = partial(admin.list_topics, "kept", timeout=60)
        replicas = soon(
            lambda: [len(p.replicas) for p in topics().topics["kept"].partitions.values()], 3
        )
        assert replicas == [3, 3, 3]
        kafka.nodes[2].kill()
        producer = Producer(kafka.client_config() | {"enable.idempotence": True})
        failed: list[object] = []
        for number in range(300):
            producer.produce(
                "kept",
                b"%d" % number,
                partition=number % 3,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(120) == 0
        assert failed == []
        kafka.nodes[2].start(os.getpid())
        kafka.wait_until_complete()


def test_nodes_end_with_whoever_started_them(tmp_path: Path) -> None:
    start = (
        "import os, pathlib, sys; from infra.kafka import Cluster;"
        "kafka = Cluster(pathlib.Path(sys.argv[1])); kafka.start();"
        "print(kafka.nodes[0].pid, flush=True); os.kill(os.getpid(), 9)"
    )
    started = subprocess.run(
        [sys.executable, "-c", start, tmp_path], stdout=subprocess.PIPE, text=True, check=False
    )
    until(lambda: has_ended(int(started.stdout)))
