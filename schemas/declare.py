"""How an event is declared: a frozen, slotted dataclass whose first field is its event time.

    @event(REPORTED)
    class WindMeasured:
        "The anemometer's ten-second mean."

        time: Micros
        speed: Annotated[float, Unit("m/s")]

The class name is the wire name (in the Avro namespace `evctl`), so a class may move between
modules but is never renamed. Wire order is the order of the fields. A field's default is what is
read where records have no such field; `Was` and `Widened` say what else a field has been.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, Protocol, TypeAlias, TypeVar, dataclass_transform

AVRO_NAMESPACE = "evctl"

_E = TypeVar("_E")


class Origin(StrEnum):
    """Who says so: a replay with services running carries reported events only."""

    REPORTED = "reported"  # the world: telescope, workers' outcomes, operators, ticks, settings
    DECIDED = "decided"  # a service concluded it, and would conclude it again


REPORTED = Origin.REPORTED
DECIDED = Origin.DECIDED


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a field, in the notation of astropy's `units` (FITS standard), e.g. `m/s`."""

    name: str


@dataclass(frozen=True, slots=True)
class Doc:
    """What a field means, where its name and unit do not say it; goes into the Avro schema."""

    text: str


@dataclass(frozen=True, slots=True)
class Was:
    """A former name of a field: records and programs that have it go on being understood."""

    name: str


@dataclass(frozen=True, slots=True)
class Widened:
    """The field was of this type, `int`, and is a float now: older programs read it rounded."""

    before: type


@dataclass(frozen=True, slots=True)
class Logical:
    """An Avro logical type over the field's primitive type."""

    name: str


Micros = Annotated[int, Logical("timestamp-micros"), Unit("us")]
"""An instant: µs since 1970-01-01 UTC (Unix time)."""


class Event(Protocol):
    """What every declared event class has; `record_key` is the Kafka record key (`None`: no key).

    `holds` says of what the event states what is so until a later one states it anew, and which of
    its values: the name of a TCS event, and the names in its payload. Without values it is all
    that is said of it. It depends on neither an instant nor what a map has under its names. `None`:
    the event tells what happened, and nothing that goes on holding.
    """

    __dataclass_fields__: dict[str, Any]
    ORIGIN: Origin

    @property
    def record_key(self) -> str | None: ...

    @property
    def holds(self) -> "Holds | None": ...


Holds: TypeAlias = tuple[str, tuple[str, ...]]


def _no_key(_: object) -> None:
    return None


@dataclass_transform(frozen_default=True)
def event(origin: Origin) -> Callable[[type[_E]], type[_E]]:
    """Return a decorator that makes a class an event of `origin`; see the module's text."""

    def declared(cls: type[_E]) -> type[_E]:
        made: Any = dataclass(frozen=True, slots=True)(cls)
        made.ORIGIN = origin
        if "record_key" not in made.__dict__:
            made.record_key = property(_no_key)
        if "holds" not in made.__dict__:
            made.holds = None
        return made  # type: ignore[no-any-return]  # the decorated class, under its own type

    return declared


def time_field(cls: type) -> str:
    """Return the name of the field that holds the event time: the first one."""
    return fields(cls)[0].name
