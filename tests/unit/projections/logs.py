"""Logs that a view may have to read, for property tests: some partitions, with repeats in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from infra.database import ViewStore
from projections import View
from projections.fold import Fold, Held, Partition
from schemas.avro import schema_of
from schemas.catalogue import event_class
from schemas.events.packets import Packet
from schemas.events.tcs import TcsEvent
from schemas.plain import from_plain
from schemas.record import AnyRecord, Position, Provenance, Record
from schemas.topics import Topic, topic
from tests.unit.schemas.arbitrary import data_of

NAMESPACE = "het.test."
HOUR = 3_600_000_000

# Few, so that rows meet; around the boundaries of minutes and nights.
TIMES = st.builds(
    lambda hours, micros: hours * HOUR + micros,
    st.integers(480_000, 480_060),
    st.sampled_from([-1, 0, 1, 60_000_000]),
)
NAMES = st.sampled_from(["tcs", "TCS", "tcs ", "guider", "🔭"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=5)
)
TCS_EVENTS = st.builds(
    TcsEvent,
    data_time=TIMES,
    wire_time=TIMES,
    system=NAMES,
    source=NAMES,
    key=NAMES,
    more_data=st.booleans(),
    values=st.dictionaries(
        st.sampled_from(["az", "Az", "az ", "el.null"]), SCALARS | st.lists(SCALARS, max_size=3)
    ),
    original_text=st.dictionaries(st.sampled_from(["az", "__data_time"]), st.text(max_size=3)),
)
PACKETS = st.builds(Packet, time=TIMES, schema_name=st.just("alert"), fields=st.just({"candid": 1}))


@cache
def events_of(which: Topic) -> SearchStrategy[Any]:
    """Return a strategy for the events of a topic, of every class it carries."""
    if which.foreign:
        return PACKETS
    return st.one_of([_events(event_class(name)) for name in which.events])


def _events(cls: type) -> SearchStrategy[Any]:
    if cls is TcsEvent:
        return TCS_EVENTS
    first = next(iter(cls.__dataclass_fields__))  # type: ignore[attr-defined]  # an event class
    made = data_of(schema_of(cls)).map(lambda data: from_plain(cls)(_fitting(data)))
    return st.builds(lambda event, time: replace(event, **{first: time}), made, TIMES)


def _fitting(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's fields with texts that every column takes: longer ones are refused."""
    return {name: v[:32] if isinstance(v, str) else v for name, v in data.items()}


class Log(NamedTuple):
    """Records by partition in the order of their offsets, and the same with repeats among them."""

    once: Mapping[Partition, Sequence[AnyRecord]]
    repeated: Mapping[Partition, Sequence[AnyRecord]]


@st.composite
def logs(draw: DrawFn, view: View) -> Log:
    """Return a strategy for logs of the topics that a view reads."""
    once: dict[Partition, list[AnyRecord]] = {}
    repeated: dict[Partition, list[AnyRecord]] = {}
    for name in view.topics:
        declared = topic(name)
        for number in range(min(declared.partitions, 2)):
            where = (declared.full_name(NAMESPACE), number)
            once[where], repeated[where] = draw(_partition(where, declared))
    return Log(once, repeated)


@st.composite
def _partition(
    draw: DrawFn, where: Partition, declared: Topic
) -> tuple[list[AnyRecord], list[AnyRecord]]:
    said = draw(st.lists(st.tuples(st.sampled_from("ab"), events_of(declared)), max_size=8))
    once = [_record(where, source, i, event) for i, (source, event) in enumerate(said)]
    repeated: list[AnyRecord] = []
    for record in once:
        repeated.append(record)
        again = draw(st.lists(st.sampled_from(repeated), max_size=1))
        repeated.extend(again)
    placed = [
        record._replace(position=Position(*where, offset)) for offset, record in enumerate(repeated)
    ]
    return once, placed


def _record(where: Partition, source: str, number: int, event: Any) -> AnyRecord:
    time = getattr(event, next(iter(event.__dataclass_fields__)))
    provenance = Provenance(f"{source}{where[1]}", number)
    return Record(event, provenance, event.record_key, time, Position(*where, number))


@st.composite
def batches(draw: DrawFn, log: Mapping[Partition, Sequence[AnyRecord]]) -> list[list[AnyRecord]]:
    """Return a strategy for ways to read a log: any interleaving, any cut into batches."""
    turns = draw(st.permutations([where for where, records in log.items() for _ in records]))
    left = {where: iter(records) for where, records in log.items()}
    order = [next(left[where]) for where in turns]
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return [order[i:j] for i, j in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def write(store: ViewStore, read: Sequence[Sequence[AnyRecord]]) -> None:
    """Take every partition and write the batches, as a reader does."""
    held: dict[Partition, Held] = {}
    for where in {record.position[:2] for batch in read for record in batch}:
        row = store.take(*where, topic_id="id")
        held[where] = Held(row.epoch, row.next_offset, store.high_waters(*where))
    for records in read:
        fold = Fold(store.view, held)
        for record in records:
            fold.add(record)
        batch = fold.finish()
        assert store.apply(batch)
        for span in batch.spans:
            held[span.topic, span.partition].advance(span)
