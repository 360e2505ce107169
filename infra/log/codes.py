"""librdkafka's own error codes, whose names begin with an underscore though they are public."""

from confluent_kafka import KafkaError

ALL_BROKERS_DOWN: int = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
AUTHENTICATION: int = KafkaError._AUTHENTICATION  # noqa: SLF001
AUTO_OFFSET_RESET: int = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
BAD_MESSAGE: int = KafkaError._BAD_MSG  # noqa: SLF001
DESTROY_BROKER: int = KafkaError._DESTROY_BROKER  # noqa: SLF001
FATAL: int = KafkaError._FATAL  # noqa: SLF001
INVALID_ARGUMENT: int = KafkaError._INVALID_ARG  # noqa: SLF001
PARTITION_EOF: int = KafkaError._PARTITION_EOF  # noqa: SLF001
RESOLVE: int = KafkaError._RESOLVE  # noqa: SLF001
TIMED_OUT: int = KafkaError._TIMED_OUT  # noqa: SLF001
TRANSPORT: int = KafkaError._TRANSPORT  # noqa: SLF001
WAIT_COORDINATOR: int = KafkaError._WAIT_COORD  # noqa: SLF001

UNKNOWN_PARTITION: int = KafkaError._UNKNOWN_PARTITION  # noqa: SLF001
UNKNOWN_TOPIC: int = KafkaError._UNKNOWN_TOPIC  # noqa: SLF001

LEADERLESS = frozenset({KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION})
NOT_YET = frozenset(
    {
        UNKNOWN_PARTITION,
        UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        *LEADERLESS,
    }
)
"""A broker does not know a partition, or its leader: perhaps not yet, for it was just made."""

AWAY = frozenset(
    {ALL_BROKERS_DOWN, AUTHENTICATION, DESTROY_BROKER, RESOLVE, TIMED_OUT, TRANSPORT},
)
"""No broker answers, or none lets us in; it may pass. One that went away while it was asked is
"destroyed", for librdkafka forgets the address it was found at."""
