"""Decisions compared with the recorded ones, by their ids.

The id of a decided event is made of its cause's id, the service, and its number among the cause's
effects: whoever decides about the same record again gives its decision the same id.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from schemas import avro, utc
from schemas.events.orchestrator import ShotChosen, ShotWithheld
from schemas.events.services import DecisionFailed
from schemas.record import AnyRecord


@cache
def _writer(cls: type) -> Callable[[Any], bytes]:
    return avro.writer(cls)


class Only(StrEnum):
    """Where a decision stands, of which the two sides do not agree."""

    RECORDED = "-"
    NEW = "+"
    BOTH = "~"  # with other content


class Difference(NamedTuple):
    """One decision that is not the same on both sides; `fields`: recorded and new values."""

    mark: Only
    record: AnyRecord
    fields: Mapping[str, tuple[Any, Any]] = {}

    @property
    def service(self) -> str:
        """Who decided it."""
        return service_of(self.record)

    def sentence(self) -> str:
        """Return the difference as one line: time, service, event, and what differs."""
        record = self.record
        said = f"{self.mark} {utc.iso(record.time)} {self.service}: {type(record.event).__name__}"
        if self.mark is Only.BOTH:
            parts = [f"{name} {old!r} → {new!r}" for name, (old, new) in self.fields.items()]
        else:
            parts = [f"{name} {value!r}" for name, value in _values(record.event).items()]
        return f"{said} {record.id} ({', '.join(parts)})"

    def as_json(self) -> dict[str, Any]:
        """Return the difference for programs."""
        record = self.record
        said: dict[str, Any] = {
            "where": {"-": "recorded", "+": "new", "~": "both"}[self.mark],
            "id": str(record.id),
            "service": self.service,
            "event": type(record.event).__name__,
            "time": utc.iso(record.time),
        }
        if self.mark is Only.BOTH:
            said["fields"] = {
                name: {"recorded": _plain(old), "new": _plain(new)}
                for name, (old, new) in self.fields.items()
            }
        return said


@dataclass(slots=True)
class Comparison:
    """How many decisions are the same, and which are not; at most `limit` are kept to be shown."""

    limit: int
    same: int = 0
    counts: Counter[Only] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    shown: list[Difference] = field(default_factory=list)
    _waiting: dict[tuple[Only, bytes], AnyRecord] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.counts

    @property
    def recorded(self) -> int:
        """How many decisions the recording has."""
        return self.same + self.counts[Only.RECORDED] + self.counts[Only.BOTH]

    @property
    def new(self) -> int:
        """How many were decided now."""
        return self.same + self.counts[Only.NEW] + self.counts[Only.BOTH]

    def add(self, side: Only, record: AnyRecord) -> None:
        """Take a decision of one side; it waits for that of the other, in whatever order."""
        identity = record.provenance.id_bytes
        other = Only.NEW if side is Only.RECORDED else Only.RECORDED
        found = self._waiting.pop((other, identity), None)
        if found is None:
            self._waiting[side, identity] = record
        elif side is Only.NEW:
            self.pair(found, record)
        else:
            self.pair(record, found)

    def finish(self) -> "Comparison":
        """Take what still waits for the other side's as decided on one side only."""
        for (side, _), record in sorted(
            self._waiting.items(), key=lambda item: (item[1].time, item[0])
        ):
            self.note(Difference(side, record))
        self._waiting.clear()
        return self

    def pair(self, recorded: AnyRecord, new: AnyRecord) -> None:
        """Take a decision that both sides have."""
        differing = differences(recorded.event, new.event)
        if differing:
            self.note(Difference(Only.BOTH, recorded, differing))
        else:
            self.same += 1

    def note(self, difference: Difference) -> None:
        """Take a difference."""
        self.counts[difference.mark] += 1
        self.services[difference.service] += 1
        if len(self.shown) < self.limit:
            self.shown.append(difference)

    def sentence(self) -> str:
        """Return how the two sides agree, in one line."""
        if self.agrees:
            return f"{_decisions(self.same)}, the same as recorded"
        counts = self.counts
        return (
            f"{_decisions(self.recorded)} recorded, {self.new:,} new: {self.same:,} the same, "
            f"{counts[Only.RECORDED]:,} only recorded, {counts[Only.NEW]:,} only new, "
            f"{counts[Only.BOTH]:,} with other content"
        )

    def lines(self) -> list[str]:
        """Return the sentence, and the differences that are shown."""
        more = sum(self.counts.values()) - len(self.shown)
        tail = [f"  and {more:,} more"] if more else []
        return [self.sentence(), *(f"  {one.sentence()}" for one in self.shown), *tail]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison for programs."""
        return {
            "agrees": self.agrees,
            "recorded": self.recorded,
            "new": self.new,
            "same": self.same,
            "only_recorded": self.counts[Only.RECORDED],
            "only_new": self.counts[Only.NEW],
            "differing": self.counts[Only.BOTH],
            "services": dict(sorted(self.services.items())),
            "differences": [one.as_json() for one in self.shown],
        }


def service_of(record: AnyRecord) -> str:
    """Return who decided a record."""
    return record.provenance.source.partition("/")[0]


def differences(recorded: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two events differ, with both values.

    Where records stand that a decision is about is no difference: in a replay it is elsewhere.
    """
    if type(recorded) is not type(new):
        return {"event": (type(recorded).__name__, type(new).__name__)}
    recorded, new = _wherever(recorded), _wherever(new)
    if recorded == new:
        return {}
    old_values, new_values = _values(recorded), _values(new)
    found = {
        name: (old_values[name], new_values[name])
        for name in old_values
        if old_values[name] != new_values[name]
    }
    if not _differ_in_bytes(recorded, new):  # NaN is not equal to itself
        return {}
    return found


def _wherever(event: Any) -> Any:
    """Return an event without the offsets of the records that it is about."""
    if isinstance(event, DecisionFailed):
        return replace(event, offset=0)
    if isinstance(event, ShotChosen | ShotWithheld):
        return replace(event, causes=dict.fromkeys(event.causes, 0))
    return event


def _differ_in_bytes(recorded: Any, new: Any) -> bool:
    cls: type = type(recorded)
    write = _writer(cls)
    return write(recorded) != write(new)


def _values(event: Any) -> dict[str, Any]:
    return {one.name: getattr(event, one.name) for one in fields(event)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _decisions(number: int) -> str:
    return f"{number:,} decision{'' if number == 1 else 's'}"
