"""What admin tools ask of a broker's own settings: told, not to be changed here."""

from pathlib import Path
from typing import NamedTuple

from infra.broker.protocol.codec_lookup import NODE_ID, Cluster
from infra.broker.storage.topic_config import BOOLEAN, INT, LIST, LONG, OPTIONS, STRING

_FROM_START = 4  # source: the broker was started with it
# a broker's names for the defaults of topics
_TOPIC_DEFAULTS = {
    "log.cleanup.policy": "cleanup.policy",
    "log.cleaner.delete.retention.ms": "delete.retention.ms",
    "log.flush.interval.messages": "flush.messages",
    "log.flush.interval.ms": "flush.ms",
    "log.message.timestamp.type": "message.timestamp.type",
    "log.retention.bytes": "retention.bytes",
    "log.retention.ms": "retention.ms",
    "log.segment.bytes": "segment.bytes",
    "message.max.bytes": "max.message.bytes",
    "min.insync.replicas": "min.insync.replicas",
}


class BrokerOption(NamedTuple):
    """A setting of the broker: its type and value as DescribeConfigs tells them."""

    name: str
    kind: int
    value: str


def options(data_dir: Path, cluster: Cluster, cleaning_interval_s: float) -> list[BrokerOption]:
    """Return the settings of the one broker, by name."""
    interval_ms = str(round(cleaning_interval_s * 1000))
    listener = f"SASL_PLAINTEXT://{cluster.host}:{cluster.port}"
    own = [
        BrokerOption("advertised.listeners", LIST, listener),
        BrokerOption("auto.create.topics.enable", BOOLEAN, "false"),
        BrokerOption("broker.id", INT, str(NODE_ID)),
        BrokerOption("default.replication.factor", INT, "1"),
        BrokerOption("delete.topic.enable", BOOLEAN, "true"),
        BrokerOption("listeners", LIST, listener),
        BrokerOption("log.cleaner.backoff.ms", LONG, interval_ms),
        BrokerOption("log.dirs", STRING, str(data_dir)),
        BrokerOption("log.retention.check.interval.ms", LONG, interval_ms),
        BrokerOption("node.id", INT, str(NODE_ID)),
        BrokerOption("num.partitions", INT, "1"),
        BrokerOption("offsets.topic.replication.factor", INT, "1"),
    ]
    defaults = [
        BrokerOption(name, OPTIONS[topics].kind, OPTIONS[topics].default)
        for name, topics in _TOPIC_DEFAULTS.items()
    ]
    return sorted(own + defaults)


def describe(option: BrokerOption) -> dict[str, object]:
    """Return a setting as DescribeConfigs tells it."""
    synonym = {"name": option.name, "value": option.value, "source": _FROM_START}
    return {
        "name": option.name,
        "value": option.value,
        "read_only": True,
        "config_source": _FROM_START,
        "is_sensitive": False,
        "synonyms": [synonym],
        "config_type": option.kind,
        "documentation": None,
    }
