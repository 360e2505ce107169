"""Membership of a consumer group, as all our readers have it.

Partitions move one by one (cooperative-sticky). A member with a static id (`group.instance.id`)
that comes back within the session's time gets its partitions back at once; without one, the
others wait for the session's end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.log import codes, reading
from infra.log.cluster import Cluster
from infra.log.reading import Place
from schemas.record import Position

SESSION_MS = 6_000
"""As short as Kafka allows by default: after so long a member that died is missed."""

_NOT_NOW = frozenset(
    {
        codes.FATAL,
        codes.WAIT_COORDINATOR,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.UNKNOWN_MEMBER_ID,
    }
)
"""The member is out, or is given its partitions anew: it is told when it is polled. Or nobody is
there to be asked."""

OnChange = Callable[[Consumer, list[TopicPartition]], None]


@dataclass(frozen=True, slots=True)
class Membership:
    """Which group a process is a member of, and under which static id (empty: none)."""

    cluster: Cluster
    group: str
    instance: str = ""

    def join(
        self,
        names: Sequence[str],
        given: OnChange,
        taken: OnChange,
        lost: OnChange | None = None,
        *,
        ends: bool = False,
    ) -> Consumer:
        """Return a consumer that has joined; it is told of its partitions while it is polled.

        Without `lost`, partitions that others may have by now are `taken`, too. With `ends`, it
        gives an error of the code `codes.PARTITION_EOF` where it comes to a partition's end.
        """
        static = {"group_instance_id": self.instance} if self.instance else {}
        consumer = self.cluster.consumer(
            group_id=self.group,
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=1_000,
            enable_partition_eof=ends,
            **static,
        )
        consumer.subscribe(list(names), on_assign=given, on_revoke=taken, on_lost=lost or taken)
        return consumer


def is_still(consumer: Consumer, cluster: Cluster, reached: Mapping[Place, int]) -> bool:
    """Ask the group whether a consumer is its member now, and has its partitions.

    Heartbeats tell it only once a second. A commit is refused to anyone else: of the offsets that
    were `reached`, which tells other tools how far we are and has no other meaning for us.

    Raises `InstanceReplaced` where another has this one's static id, and `LogUnavailable`.
    """
    offsets = [TopicPartition(*place, offset) for place, offset in reached.items()]
    try:
        answers = consumer.commit(offsets=offsets, asynchronous=False)
        errors = [one.error for one in answers or () if one.error is not None]
    except KafkaException as fault:
        errors = [fault.args[0]]
    for error in errors:
        if error.code() not in _NOT_NOW:
            reading.pass_over(error, Position(*min(reached), 0), cluster)
    return not errors
