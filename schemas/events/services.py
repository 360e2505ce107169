"""What services say of themselves: who decides from here on, under which settings, what failed."""

from collections.abc import Mapping
from typing import Annotated

from schemas.declare import DECIDED, REPORTED, Doc, Holds, Micros, event


@event(DECIDED)
class ServiceTookOver:
    """An instance of a service became the one that decides about an input partition.

    It stands in every partition that the service writes. What an instance of a lower epoch writes
    behind it does not count: see `schemas.repeats`.
    """

    time: Micros
    service: str
    topic: Annotated[str, Doc("the input topic, without namespace")]
    partition: Annotated[int, Doc("the input partition")]
    epoch: Annotated[int, Doc("one more than the last instance's")]
    version: Annotated[int, Doc("of the service's code")]
    settings: Annotated[str, Doc("digest of the settings it was started with")]


@event(REPORTED)
class SettingsTookEffect:
    """The settings that a service decides by, from this record on."""

    time: Micros
    service: str
    values: Annotated[Mapping[str, str], Doc("by name without the service's, as text")]
    digest: str

    @property
    def holds(self) -> Holds:
        """The settings of a service hold until it gets others."""
        return f"settings of {self.service}", ()


@event(DECIDED)
class DecisionFailed:
    """A service could make nothing of a record: a fault in its code. Its state is as before."""

    time: Micros
    service: str
    topic: Annotated[str, Doc("of the record, without namespace")]
    partition: int
    offset: int
    reason: str
