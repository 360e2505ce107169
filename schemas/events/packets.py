"""Records in a schema that is not ours, such as other observatories' alert packets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.declare import REPORTED


@dataclass(frozen=True, slots=True)
class Packet:
    """A record of a foreign schema: its Avro name, its time and its decoded fields.

    It is not declared with `event`, since its schema is the sender's; `time` (µs UTC) is the
    Kafka timestamp, for nothing is known of its fields.
    """

    time: int
    schema_name: str
    fields: Mapping[str, Any]

    ORIGIN = REPORTED

    @property
    def record_key(self) -> None:
        """No key: where one is wanted, the publisher names the field that holds it."""
        return
