"""Consumer groups as the log knows them: who is in them, and what they read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from infra.log.cluster import ANSWER_TIMEOUT_S, Cluster
from schemas.errors import EvctlError


class GroupInUse(EvctlError):
    """A consumer group has members, and can't be deleted."""

    exit_code = 75

    def __init__(self, group: str) -> None:
        super().__init__(f"The consumer group {group} has members again: end them first.")
        self.group = group


class Group(NamedTuple):
    """A consumer group; `reads` are full names of topics of which a member has partitions."""

    name: str
    members: int
    reads: frozenset[str]


def existing(cluster: Cluster) -> Sequence[Group]:
    """Return the consumer groups of the cluster, by name."""
    names = sorted(group.group_id for group in cluster.ask(lambda: _listed(cluster)))
    return _described(cluster, names) if names else []


def find(cluster: Cluster, name: str) -> Group | None:
    """Return a consumer group; none where it is not there, or moves to another broker just now."""
    try:
        (found,) = _described(cluster, [name])
    except KafkaException:
        return None
    return found


def _listed(cluster: Cluster) -> Sequence[Any]:
    """Return what all brokers list; raise what one says instead."""
    found = cluster.admin().list_consumer_groups(request_timeout=ANSWER_TIMEOUT_S).result()
    if found.errors:
        raise found.errors[0]
    return found.valid  # type: ignore[no-any-return]


def _described(cluster: Cluster, names: Sequence[str]) -> Sequence[Group]:
    admin = cluster.admin()
    asked = admin.describe_consumer_groups(list(names), request_timeout=ANSWER_TIMEOUT_S)
    return [_group(name, cluster.ask(asked[name].result)) for name in names]


def _group(name: str, described: Any) -> Group:
    given = [member.assignment for member in described.members if member.assignment]
    reads = frozenset(place.topic for one in given for place in one.topic_partitions)
    return Group(name, len(described.members), reads)


def delete(cluster: Cluster, names: Sequence[str]) -> None:
    """Delete groups with what they committed; one that does not exist is passed over.

    Raises `GroupInUse` for one with members, which stays.
    """
    if not names:
        return
    admin = cluster.admin()
    deleted = admin.delete_consumer_groups(list(names), request_timeout=ANSWER_TIMEOUT_S)
    for name, future in deleted.items():
        try:
            cluster.ask(future.result)
        except KafkaException as fault:
            code = fault.args[0].code()
            if code == KafkaError.NON_EMPTY_GROUP:
                raise GroupInUse(name) from fault
            if code != KafkaError.GROUP_ID_NOT_FOUND:
                raise
