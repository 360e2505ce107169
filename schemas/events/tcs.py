"""What the telescope control system says."""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

from schemas.declare import REPORTED, Doc, Holds, Micros, event

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = bool | int | float | str | Sequence[Scalar] | None
"""A value as TCS sends it; an `int` is 64 bits, an array is flat."""


@event(REPORTED)
class TcsEvent:
    """One event of the telescope control system, named `system.source.key`."""

    data_time: Annotated[Micros, Doc("when the payload was made (__data_time)")]
    wire_time: Annotated[Micros, Doc("when it was sent (__wire_time)")]
    system: str
    source: str
    key: str
    more_data: Annotated[bool, Doc("another event with data is coming (__data)")]
    values: Annotated[Mapping[str, Value], Doc("the payload, by flat dotted name")]
    original_text: Annotated[
        Mapping[str, str],
        Doc("recorded spelling of what would be rendered otherwise, by name or __data_time …"),
    ]

    @property
    def topic(self) -> str:
        """The event's name on the telescope's side, `system.source.key`."""
        return f"{self.system}.{self.source}.{self.key}"

    @property
    def record_key(self) -> str:
        """The Kafka record key: the event's name, so that generic tools can filter by it."""
        return f"{self.system}.{self.source}.{self.key}"

    @property
    def holds(self) -> Holds:
        """Each value of a name holds until a later event of the name has it again."""
        return self.topic, tuple(self.values)
