"""librdkafka's own error codes, whose names begin with an underscore though they are public."""

from confluent_kafka import KafkaError

ALL_BROKERS_DOWN: int = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
AUTHENTICATION: int = KafkaError._AUTHENTICATION  # noqa: SLF001
AUTO_OFFSET_RESET: int = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
BAD_MESSAGE: int = KafkaError._BAD_MSG  # noqa: SLF001
INVALID_ARGUMENT: int = KafkaError._INVALID_ARG  # noqa: SLF001
PARTITION_EOF: int = KafkaError._PARTITION_EOF  # noqa: SLF001
RESOLVE: int = KafkaError._RESOLVE  # noqa: SLF001
TIMED_OUT: int = KafkaError._TIMED_OUT  # noqa: SLF001
TRANSPORT: int = KafkaError._TRANSPORT  # noqa: SLF001

AWAY = frozenset({ALL_BROKERS_DOWN, AUTHENTICATION, RESOLVE, TIMED_OUT, TRANSPORT})
"""No broker answers, or none lets us in; it may pass."""
