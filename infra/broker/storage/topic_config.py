"""Settings of topics: names, types and defaults as Kafka's, and what this broker can honour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.log_settings import LogSettings

_MAX = 2**63 - 1
BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 1, 2, 3, 5, 6, 7  # as DescribeConfigs tells them


@dataclass(frozen=True, slots=True)
class TopicOption:
    """One setting: type, default and the values accepted here."""

    name: str
    kind: int
    default: str
    accepts: Callable[[str], bool]
    allowed: str


def _number(name: str, kind: int, default: int, least: int = 0, most: int = _MAX) -> TopicOption:
    most = min(most, 2**31 - 1) if kind == INT else most
    return TopicOption(
        name, kind, str(default), lambda v: least <= int(v) <= most, f"{least} … {most}"
    )


def _only(name: str, kind: int, *values: str) -> TopicOption:
    return TopicOption(name, kind, values[0], lambda v: v in values, " or ".join(values))


def _policy(value: str) -> bool:
    return set(value.replace(" ", "").split(",")) <= {"delete", "compact"}


# Where only one value is allowed, another one would be a promise that this broker does not keep.
OPTIONS = {
    option.name: option
    for option in (
        TopicOption("cleanup.policy", LIST, "delete", _policy, "delete, compact or both"),
        _only("compression.type", STRING, "producer"),
        _number("delete.retention.ms", LONG, 86_400_000),
        _number("file.delete.delay.ms", LONG, 60_000),
        _number("flush.messages", LONG, _MAX, 1),
        _number("flush.ms", LONG, 1000, 1),
        _number("index.interval.bytes", INT, 4096),
        _number("max.compaction.lag.ms", LONG, _MAX, 1),
        _number("max.message.bytes", INT, 1_048_588),
        _only("message.timestamp.after.max.ms", LONG, str(_MAX)),
        _only("message.timestamp.before.max.ms", LONG, str(_MAX)),
        _only("message.timestamp.type", STRING, "CreateTime"),
        TopicOption(
            "min.cleanable.dirty.ratio", DOUBLE, "0.5", lambda v: 0 <= float(v) <= 1, "0 … 1"
        ),
        _number("min.compaction.lag.ms", LONG, 0),
        _number("min.insync.replicas", INT, 1, 1, 1),
        _only("preallocate", BOOLEAN, "false"),
        _number("retention.bytes", LONG, -1, -1),
        _number("retention.ms", LONG, 604_800_000, -1),
        _number("segment.bytes", INT, 1 << 30, 1024),
        _number("segment.index.bytes", INT, 10_485_760, 4),
        _number("segment.jitter.ms", LONG, 0),
        _number("segment.ms", LONG, 604_800_000, 1),
        _only("unclean.leader.election.enable", BOOLEAN, "false"),
    )
}


def validate(configs: Mapping[str, str | None]) -> dict[str, str]:
    """Return the settings that are set; raises `ProtocolError` for one that can't be honoured."""
    found = {}
    for name, value in configs.items():
        option = OPTIONS.get(name)
        if option is None:
            raise ProtocolError(Code.INVALID_CONFIG, f"unknown topic setting {name}")
        if value is None:
            continue
        try:
            accepted = option.accepts(value)
        except ValueError:
            accepted = False
        if not accepted:
            raise ProtocolError(
                Code.INVALID_CONFIG, f"{name}={value} is not accepted here, only {option.allowed}"
            )
        found[name] = value
    return found


def log_settings(configs: Mapping[str, str]) -> LogSettings:
    """Return what the logs of a topic with these settings obey."""

    ratio = "min.cleanable.dirty.ratio"

    def number(name: str) -> int:
        return int(configs.get(name, OPTIONS[name].default))

    policy = configs.get("cleanup.policy", OPTIONS["cleanup.policy"].default)
    compacts = "compact" in policy
    longest_lag = number("max.compaction.lag.ms")
    segment_ms = number("segment.ms")
    return LogSettings(
        max_message_bytes=number("max.message.bytes"),
        segment_bytes=number("segment.bytes"),
        index_interval_bytes=number("index.interval.bytes"),
        flush_messages=number("flush.messages"),
        flush_ms=number("flush.ms"),
        segment_ms=min(segment_ms, longest_lag) if compacts else segment_ms,
        segment_jitter_ms=number("segment.jitter.ms"),
        deletes="delete" in policy,
        compacts=compacts,
        retention_ms=number("retention.ms"),
        retention_bytes=number("retention.bytes"),
        delete_retention_ms=number("delete.retention.ms"),
        min_compaction_lag_ms=number("min.compaction.lag.ms"),
        max_compaction_lag_ms=longest_lag,
        min_cleanable_dirty_ratio=float(configs.get(ratio, OPTIONS[ratio].default)),
    )
