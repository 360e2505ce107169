"""Players of a night: this one, a bare loop, and how others do it, written anew in a few lines.

Each plays a night at 1x into the topics of a replay, and returns when the first event was due, on
the monotonic clock. They send by the same client with the same options.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import Queue
from threading import Condition, Thread

from benchmarks.pacing.night import TOPICS, Night, due
from infra.log import topics
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from infra.replay.feed import Feed
from infra.replay.player import Player
from infra.replay.request import Request
from infra.signals import stopping

READ_AHEAD = 1000
"""Messages in the read-ahead queue of rosbag2's player, unless a user says otherwise."""


def this_player(night: Night, replay: str) -> float:
    """Play with `evctl replay`'s player."""
    with stopping() as stop:
        player = Player(night.cluster, Request([night.window], 1.0, replay), stop)
        print(player.run().sentence(), file=sys.stderr)
    return player.course.began


def sleep_and_send(night: Night, replay: str) -> float:
    """Play from memory with nothing but absolute deadlines, sleep and produce."""
    messages = list(_in_order(night))
    send, flush = _sender(night, replay)
    began = time.monotonic()
    for at, message in messages:
        left = began + due(at) - time.monotonic()
        if left > 0:
            time.sleep(left)
        send(message)
    flush()
    return began


def sleep_the_difference(night: Night, replay: str) -> float:
    """Play as OCD does: after each event, sleep the time to the next, by their times.

    What sending takes comes on top of every sleep.
    """
    messages = list(_in_order(night))
    send, flush = _sender(night, replay)
    began, before = time.monotonic(), messages[0][0]
    for at, message in messages:
        time.sleep((at - before) / 1e6)
        send(message)
        before = at
    flush()
    return began


def read_ahead_and_publish(night: Night, replay: str) -> float:
    """Play as rosbag2 does: a thread fills a queue, the player sleeps until its clock says so.

    The clock is absolute and a condition variable is waited for, so that a pause can interrupt.
    """
    waiting: Queue[tuple[int, Message] | None] = Queue(READ_AHEAD)

    def fill() -> None:
        for found in _in_order(night):
            waiting.put(found)
        waiting.put(None)

    send, flush = _sender(night, replay)
    reader, clock = Thread(target=fill, daemon=True), Condition()
    reader.start()
    found = waiting.get()
    began = time.monotonic()
    while found is not None:
        at, message = found
        with clock:
            while (left := began + due(at) - time.monotonic()) > 0:
                clock.wait(left)
        send(message)
        found = waiting.get()
    flush()
    reader.join()
    return began


def _in_order(night: Night) -> Iterator[tuple[int, Message]]:
    times = EventTimes(Registry(night.cluster).decoder)
    with Feed(night.cluster, night.window, times, lambda: False) as feed:
        yield from feed.timed()


def _sender(night: Night, replay: str) -> tuple[Callable[[Message], None], Callable[[], object]]:
    """Make a replay's topics; return what sends a message at once, and what waits for all."""
    namespace = f"replay.{replay}."
    topics.ensure(
        night.cluster.in_namespace(namespace), [replace(topic, synced=False) for topic in TOPICS]
    )
    producer = night.cluster.producer(linger_ms=0)

    def send(message: Message) -> None:
        name = f"{namespace}{message.topic()}"
        while True:
            try:
                producer.produce(
                    name, message.value(), message.key(), partition=message.partition()
                )
                break
            except BufferError:
                producer.poll(0.01)
        producer.poll(0)

    return send, producer.flush
