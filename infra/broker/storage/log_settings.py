"""What the logs of a topic obey."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The settings of a topic that its logs obey; sizes in bytes, times in ms."""

    max_message_bytes: int = 1_048_588
    segment_bytes: int = 1 << 30
    index_interval_bytes: int = 4096
    flush_messages: int = 2**63 - 1
    flush_ms: int = 1000
    segment_ms: int = 2**63 - 1
    segment_jitter_ms: int = 0
    deletes: bool = True  # cleanup.policy, which may be both
    compacts: bool = False
    retention_ms: int = -1  # −1 keeps records for ever
    retention_bytes: int = -1
    delete_retention_ms: int = 86_400_000
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = 2**63 - 1
    min_cleanable_dirty_ratio: float = 0.5
