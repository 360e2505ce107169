"""A partition's sealed stretches held against what the log has there now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.errors import LogAltered
from infra.log.reading import Message, Place, Span
from infra.sealing import findings
from infra.sealing.contents import SealedPartition, Stretch
from infra.sealing.findings import Finding
from infra.sealing.stretches import Digesting

_JOIN_GAP = 20_000
"""Stretches closer than so many offsets are read as one."""

Inside = Callable[[Message], bool]


@dataclass(slots=True)
class _Differing:
    """What is not as sealed: spans (first, last) of offsets, and findings that stand alone."""

    gone: list[tuple[int, int]] = field(default_factory=list)
    changed: list[tuple[int, int]] = field(default_factory=list)
    altered: list[tuple[int, int]] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)


class _Walk:
    """Goes through a partition's records and stretches together."""

    def __init__(self, place: Place, stretches: tuple[Stretch, ...], found: _Differing) -> None:
        self._place, self._found = place, found
        self._waiting = iter(stretches)
        self._stretch: Stretch | None = None
        self._digesting: Digesting | None = None
        self._offsets: list[int] = []
        self._next()

    def _next(self) -> None:
        self._stretch = next(self._waiting, None)
        self._digesting, self._offsets = None, []

    def add(self, message: Message) -> None:
        """Take the night's next record."""
        offset = message.offset()
        while self._stretch is not None and offset > self._stretch.last:
            self._compare(self._stretch)
        if self._stretch is None or offset < self._stretch.first:
            self._found.changed.append((offset, offset))  # between two: it was another night's
            return
        if self._digesting is None:
            self._digesting = Digesting(offset)
        self._digesting.add(message)
        self._offsets.append(offset)

    def pass_over(self, offset: int) -> int | None:
        """Leave out the stretch that an offset is in, which can't be read; return where it ends."""
        while self._stretch is not None and offset > self._stretch.last:
            self._compare(self._stretch)
        if self._stretch is None:
            return None
        end = self._stretch.last + 1
        self._found.altered.append((max(self._stretch.first, offset), self._stretch.last))
        self._next()
        return end

    def finish(self) -> None:
        """Compare what is left."""
        while self._stretch is not None:
            self._compare(self._stretch)

    def _compare(self, sealed: Stretch) -> None:
        there = len(self._offsets)
        if there < sealed.records:
            if sealed.is_dense:
                missing = sorted(set(range(sealed.first, sealed.last + 1)) - set(self._offsets))
                self._found.gone.extend(findings.runs(missing))
            elif not there:
                self._found.gone.append((sealed.first, sealed.last))
            else:
                self._found.others.append(findings.fewer(self._place, sealed, there))
        elif there > sealed.records:
            self._found.others.append(findings.added(self._place, sealed, there))
        elif self._digesting is None or self._digesting.finish().digest != sealed.digest:
            self._found.changed.append((sealed.first, sealed.last))
        self._next()


def check(
    cluster: Cluster,
    place: Place,
    sealed: SealedPartition,
    inside: Inside,
    on_log: Span,
    advance: Callable[[int], None],
) -> Iterator[Finding]:
    """Yield where a partition is not as sealed, in the order of its offsets."""
    found = _Differing()
    walk = _Walk(place, sealed.stretches, found)
    spans = _spans(sealed.stretches, on_log)
    while spans:
        try:
            for batch in reading.messages(cluster, {place: spans}):
                for message in filter(inside, batch):
                    walk.add(message)
                advance(len(batch))
            break
        except LogAltered as fault:
            end = walk.pass_over(fault.position.offset)
            spans = [] if end is None else _from(spans, end)
    walk.finish()
    yield from _findings(place, found)


def _findings(place: Place, found: _Differing) -> Iterator[Finding]:
    for first, last in findings.joined(found.gone):
        yield findings.hole(place, first, last)
    for first, last in findings.joined(found.changed):
        yield findings.changed(place, first, last)
    for first, last in findings.joined(found.altered):
        where = findings.span(place, first, last)
        yield Finding("altered", f"Altered on the disk: what stands at {where} can't be read.")
    yield from found.others


def _spans(stretches: tuple[Stretch, ...], on_log: Span) -> list[Span]:
    """Return the offsets to be read, within what the log has."""
    low, high = on_log
    spans: list[Span] = []
    for stretch in stretches:
        first, end = max(stretch.first, low), min(stretch.last + 1, high)
        if first >= end:
            continue
        if spans and first - spans[-1][1] <= _JOIN_GAP:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((first, end))
    return spans


def _from(spans: list[Span], start: int) -> list[Span]:
    """Return what there is of the spans from an offset on."""
    return [(max(first, start), end) for first, end in spans if end > start]
