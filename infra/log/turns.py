"""Taking turns: what only one process of all the log's users may do at a time.

The one partition of a topic goes to one member of a consumer group: that member has the turn. The
group's coordinator is the only arbiter that every process of a site can reach, on any machine.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from infra.log import groups, topics
from infra.log.cluster import Cluster
from infra.signals import Stop
from schemas.errors import EvctlError
from schemas.topics import Topic

_WAIT_S = 0.2
_PATIENCE = 5
"""Waits between two looks at who has the turn: joining a group alone takes a part of a second, on a
busy machine or on Kafka some seconds."""


class TurnLost(EvctlError):
    """The coordinator gave the turn to another process, for it had heard nothing from this one."""

    exit_code = 75

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The log has not heard from this process for too long, and another may {what} now; "
            "what was acknowledged is safe: run the command again."
        )


class Turn:
    """The right to do something to a log alone, from entering the `with` block to leaving it.

    `topic` has one partition and stands for the right; `what` completes "another process may …".
    `waiting` is told once if another has the turn; a stop ends the wait, and then `mine` is false.
    A process that dies keeps its turn for six seconds more.
    """

    def __init__(
        self, cluster: Cluster, topic: Topic, what: str, stop: Stop, waiting: Callable[[], None]
    ) -> None:
        self._cluster, self._topic, self._what = cluster, topic, what
        self._stop, self._waiting = stop, waiting
        self._group = f"{cluster.namespace}evctl.{topic.name}.turn"
        self._consumer: Consumer | None = None
        self.mine = False

    def __enter__(self) -> Self:
        topics.ensure(self._cluster, [self._topic])
        name = self._topic.full_name(self._cluster.namespace)
        self._consumer = self._cluster.consumer(
            group_id=self._group,
            partition_assignment_strategy="cooperative-sticky",  # who has it keeps it
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
        )
        self._consumer.subscribe(
            [name], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken
        )
        waits, told = 0, False
        while not self.mine and not self._stop.requested:
            self._consumer.poll(_WAIT_S)
            self._cluster.check()
            waits += 1
            looks = waits % _PATIENCE == 0 and not told
            if looks and self._has_others() and not self.mine:
                self._waiting()
                told = True
        return self

    def _has_others(self) -> bool:
        """Whether the group has members beside this one."""
        found = groups.find(self._cluster, self._group)
        return found is not None and found.members > 1

    def keep(self) -> None:
        """Show that this process lives, at least every few minutes; raise `TurnLost`."""
        if self._consumer is not None:
            self._consumer.poll(0)
        if not self.mine:
            raise TurnLost(self._what)

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            self.mine = True
            consumer.incremental_assign(partitions)
            consumer.pause(partitions)  # the turn is wanted, not the records

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            self.mine = False
            consumer.incremental_unassign(partitions)

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            self._cluster.leave(self._consumer)
