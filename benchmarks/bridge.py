"""The bridge to ZeroMQ, both ways, beside bare loops of pyzmq and confluent-kafka.

python -m benchmarks --quick bridge

The other end of ZeroMQ is a process of its own. The bare loops know their input: they neither check
nor count, and keep nothing to send again.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from time import perf_counter, sleep
from typing import Any

import fastavro
import zmq
from confluent_kafka import TopicPartition

from benchmarks.scene import events, fresh, pairs, publish_night, scene
from benchmarks.table import Row, against
from infra.bridge.appending import Appender
from infra.bridge.inbox import Inbox
from infra.bridge.listening import Listener
from infra.bridge.recording import Recorder
from infra.bridge.serving import Server
from infra.bridge.sockets import Hearing, Speaking
from infra.bridge.wish import Wish
from infra.log.reading import consume
from infra.settings import Settings
from infra.signals import Stop
from infra.tailing.selection import Edge
from producers import tcs_wire
from producers.tcs_names import Names
from schemas import avro
from schemas.events.tcs import TcsEvent
from schemas.framing import HEADER_SIZE
from schemas.topics import OBSERVATORY

_LAST = 15  # SIGTERM
_ROOM = 2**31
"""Bytes: the sender is faster than any log, and nothing may be dropped here."""


def rows(quick: bool = False) -> list[Row]:
    """Return the rates of both ways, medians of alternating runs."""
    count, rounds = (20_000, 1) if quick else (200_000, 5)
    note = f"{count:,} events of 4 values, tcp"
    with scene() as site:
        into = pairs(
            rounds,
            lambda number: _in(_named(site, f"in{number}"), count),
            lambda number: _bare_in(site, f"barein{number}", count),
        )
        served = _named(site, "out")
        publish_night(fresh(site, "out", [OBSERVATORY]), count, 1000.0)
        out = pairs(
            rounds,
            lambda _: _out(served, count),
            lambda _: _bare_out(site, count),
        )
    return [
        against("bridge in", *into, "events/s", f"{note}; to a topic synced before the ack"),
        against("bridge out", *out, "events/s", note),
    ]


def _named(site: Settings, name: str) -> Settings:
    log = site.log.model_copy(update={"namespace": f"{name}."})
    return site.model_copy(update={"log": log})


# ZeroMQ to the log


@contextmanager
def _sender(count: int) -> Iterator[str]:
    """Yield the address of a process that sends `count` events to whoever listens first."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_send, args=(theirs, count))
    process.start()
    yield ours.recv()
    ours.send("done")
    process.join()


def _send(pipe: Connection, count: int) -> None:
    messages = [tcs_wire.frames_of(event) for event in events(count)]
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.bind("tcp://127.0.0.1:*")
        pipe.send(socket.getsockopt_string(zmq.LAST_ENDPOINT))
        socket.recv()
        for frames in messages:
            socket.send_multipart(frames)
        pipe.recv()


def _in(site: Settings, count: int) -> float:
    inbox, stop = Inbox(_ROOM), Stop()
    appender = Appender(site, "bench")
    with _sender(count) as url, Listener(Hearing([url], [""]), inbox) as listener:
        recorder = Recorder(inbox, listener, appender, Names())
        thread = Thread(target=recorder.run, args=(stop,))
        thread.start()
        while not inbox.received:
            sleep(0.0002)
        begin = perf_counter()
        while appender.acknowledged < count:
            sleep(0.002)
        took = perf_counter() - begin
        stop.on_signal(_LAST)
        thread.join()
    stop.close()
    return count / took


def _bare_in(site: Settings, name: str, count: int) -> float:
    cluster = fresh(site, name, [OBSERVATORY])
    producer, topic = cluster.producer(linger_ms=5), OBSERVATORY.full_name(cluster.namespace)
    with _sender(count) as url, zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.subscribe(b"")
        socket.connect(url)
        for number in range(count):
            key, value = socket.recv_multipart()
            if not number:
                begin = perf_counter()
            while True:
                try:
                    producer.produce(topic, value, key, 0)
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.flush()
        return count / (perf_counter() - begin)


# The log to ZeroMQ


@contextmanager
def _listener(url: str, count: int) -> Iterator[Connection]:
    """Yield the end of a pipe that tells when a process has heard `count` messages."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_hear, args=(theirs, url, count))
    process.start()
    ours.recv()
    yield ours
    process.join()


def _hear(pipe: Connection, url: str, count: int) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.subscribe(b"")
        socket.connect(url)
        pipe.send("listening")
        for _ in range(count):
            socket.recv_multipart()
        pipe.send("heard")


def _out(site: Settings, count: int) -> float:
    with zmq.Context() as context, context.socket(zmq.PUB) as probe:
        url = f"tcp://127.0.0.1:{probe.bind_to_random_port('tcp://127.0.0.1')}"
    stop = Stop()
    with Speaking([url]) as speaking, _listener(url, count) as pipe:
        sleep(0.5)  # it connects
        begin = perf_counter()
        Server(site, speaking, Wish(Edge.START, once=True), stop).run()
        pipe.recv()
        took = perf_counter() - begin
    stop.close()
    return count / took


def _bare_out(site: Settings, count: int) -> float:
    cluster = fresh(site, "out", [OBSERVATORY])
    parsed = fastavro.parse_schema(avro.physical(avro.schema_of(TcsEvent)))
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        socket.setsockopt(zmq.SNDHWM, 0)
        url = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
        with _listener(url, count) as pipe:
            sleep(0.5)
            begin = perf_counter()
            consumer = cluster.consumer()
            consumer.assign([TopicPartition(OBSERVATORY.full_name(cluster.namespace), 0, 0)])
            sent = 0
            while sent < count:
                for message in consume(consumer, 1000, 1.0):
                    buffer = io.BytesIO((message.value() or b"")[HEADER_SIZE:])
                    socket.send_multipart(_frames(fastavro.schemaless_reader(buffer, parsed, None)))
                    sent += 1
            pipe.recv()
            took = perf_counter() - begin
            consumer.close()
    return count / took


def _frames(fields: Any) -> tuple[bytes, bytes]:
    system, source, key = fields["system"], fields["source"], fields["key"]
    members = {
        "__system": system,
        "__source": source,
        "__key": key,
        "__data_time": str(fields["data_time"] / 1e6),
        "__wire_time": str(fields["wire_time"] / 1e6),
        "__data": fields["more_data"],
        **fields["values"],
    }
    return f"{system}.{source}.{key}".encode(), json.dumps(members).encode()
