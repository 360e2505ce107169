"""What a check of a sealed night finds, each as a sentence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from infra.counting import counted
from infra.log.reading import Place
from infra.sealing.contents import Stretch


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was sealed; `late` records and the like are no `fault`.

    `kind` is one of hole, changed, added, altered, topic, schema, view, file, late, definition,
    decided.
    """

    kind: str
    text: str
    fault: bool = True


def span(place: Place, first: int, last: int) -> str:
    """Return offsets of a partition as every message writes them."""
    name, partition = place
    return f"{name}[{partition}]@{first}" + (f" to {last}" if last > first else "")


def hole(place: Place, first: int, last: int) -> Finding:
    """Offsets that had records of the night have none any more."""
    count = last - first + 1
    are = "record is" if count == 1 else f"{count:,} records are"
    return Finding("hole", f"A hole: the {are} gone at {span(place, first, last)}.")


def fewer(place: Place, sealed: Stretch, there: int) -> Finding:
    """A stretch with other nights' records in it has lost some; which ones, nobody knows."""
    where = span(place, sealed.first, sealed.last)
    text = f"A hole: of {sealed.records:,} records of the night at {where} {there:,} are left."
    return Finding("hole", text)


def changed(place: Place, first: int, last: int) -> Finding:
    """Records of a stretch are not those that were sealed."""
    return Finding("changed", f"Changed since: a record or more at {span(place, first, last)}.")


def added(place: Place, sealed: Stretch, there: int) -> Finding:
    """A stretch has more records of the night than were sealed."""
    where = span(place, sealed.first, sealed.last)
    return Finding(
        "added",
        f"Changed since: {there:,} records of the night at {where}, not {sealed.records:,}.",
    )


def late(place: Place, first: int, last: int, records: int) -> Finding:
    """The night has got records since."""
    came = counted(records, "record")
    return Finding("late", f"Late: {came} of the night at {span(place, first, last)}.", fault=False)


def runs(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of whole numbers that follow each other."""
    first = last = None
    for offset in offsets:
        if last is not None and offset == last + 1:
            last = offset
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = offset
    if first is not None and last is not None:
        yield first, last


def joined(found: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans (first, last), with those that touch made one."""
    begin: tuple[int, int] | None = None
    for first, last in found:
        if begin is None:
            begin = first, last
        elif first <= begin[1] + 1:
            begin = begin[0], max(last, begin[1])
        else:
            yield begin
            begin = first, last
    if begin is not None:
        yield begin
