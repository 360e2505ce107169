"""Declared topics: made where they are missing, compared with what the cluster really has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from infra.log.cluster import ANSWER_TIMEOUT_S, Cluster
from infra.log.errors import TopicMisconfigured, TopicMissing
from schemas.topics import Topic

_HARMFUL = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")
_AT_LEAST = (
    "max.message.bytes",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
)


class RealTopic(NamedTuple):
    """A topic as the cluster has it; `id` distinguishes it from one made anew by the same name."""

    name: str
    id: str
    partitions: int


def ensure(cluster: Cluster, topics: Iterable[Topic]) -> None:
    """Make the topics that are missing; raise `TopicMisconfigured` for one that contradicts."""
    admin = cluster.admin()
    declared = {topic.full_name(cluster.namespace): topic for topic in topics}
    there = set(_names(cluster, admin))
    missing = [name for name in declared if name not in there]
    if missing:
        _create(cluster, admin, {name: declared[name] for name in missing})
    present = {name: topic for name, topic in declared.items() if name in there}
    if present:
        _compare(cluster, admin, present)


def create(cluster: Cluster, topic: Topic) -> bool:
    """Make a topic; tell whether this call did, for of several at once only one does."""
    name = topic.full_name(cluster.namespace)
    return name in _create(cluster, cluster.admin(), {name: topic})


def _names(cluster: Cluster, admin: AdminClient) -> Iterable[str]:
    return cluster.ask(lambda: admin.list_topics(timeout=ANSWER_TIMEOUT_S)).topics.keys()  # type: ignore[no-any-return]


def _create(cluster: Cluster, admin: AdminClient, wanted: Mapping[str, Topic]) -> Sequence[str]:
    """Make topics; return the names of those that were not there."""
    made = []
    new = [
        NewTopic(name, topic.partitions, replication_factor=-1, config=dict(topic.config()))
        for name, topic in wanted.items()
    ]
    for name, future in admin.create_topics(new, request_timeout=ANSWER_TIMEOUT_S).items():
        try:
            cluster.ask(future.result)
            made.append(name)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another was faster
                raise
    return made


def _compare(cluster: Cluster, admin: AdminClient, present: Mapping[str, Topic]) -> None:
    for name, real in describe(cluster, list(present), admin).items():
        if real.partitions != present[name].partitions and present[name].partitions == 1:
            raise TopicMisconfigured(name, "partitions", str(real.partitions), "1")
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
    for resource, future in admin.describe_configs(resources).items():
        real_settings = {k: v.value for k, v in cluster.ask(future.result).items()}
        _compare_settings(resource.name, real_settings, present[resource.name].config())


def _compare_settings(name: str, real: Mapping[str, str], declared: Mapping[str, str]) -> None:
    for setting in _HARMFUL:
        if setting in real and real[setting] != declared[setting]:
            raise TopicMisconfigured(name, setting, real[setting], declared[setting])
    for setting in _AT_LEAST:
        if setting in real and int(real[setting]) < int(declared[setting]):
            raise TopicMisconfigured(name, setting, real[setting], declared[setting])


def describe(
    cluster: Cluster, names: Sequence[str], admin: AdminClient | None = None
) -> Mapping[str, RealTopic]:
    """Return the topics as the cluster has them; raise `TopicMissing`."""
    admin = admin or cluster.admin()
    asked, told = TopicCollection(list(names)), {}

    def ask() -> None:
        futures = admin.describe_topics(asked, request_timeout=ANSWER_TIMEOUT_S)
        told.update({name: _unless_missing(future) for name, future in futures.items()})

    cluster.ask(ask)
    found = {}
    for name, description in told.items():
        if description is None:
            raise TopicMissing(name, cluster.servers)
        found[name] = RealTopic(name, str(description.topic_id), len(description.partitions))
    return found


def _unless_missing(future: Any) -> Any | None:
    try:
        return future.result()
    except KafkaException as fault:
        if fault.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def existing(cluster: Cluster) -> Sequence[str]:
    """Return the full names of the topics in the cluster, sorted."""
    return sorted(_names(cluster, cluster.admin()))


def delete(cluster: Cluster, names: Sequence[str]) -> None:
    """Delete topics; one that does not exist is passed over."""
    if not names:
        return
    admin = cluster.admin()
    for future in admin.delete_topics(list(names)).values():
        try:
            cluster.ask(future.result)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
