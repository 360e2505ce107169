"""What holds where a replay begins: as if the reader had been there from the beginning."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, cast

import pytest
from confluent_kafka import Message as Kafka
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers import silence
from infra.database import ViewStore, connect
from infra.log.reading import Message
from infra.log.registry import Decode
from infra.replay import standing
from infra.replay.order import in_order
from infra.replay.standing import Before, Holding
from infra.windows import Window
from projections.shown import tcs_activity, tcs_latest
from schemas import avro, framing
from schemas.avro import Schema
from schemas.catalogue import events
from schemas.events.services import SettingsTookEffect
from schemas.events.silence import SystemFellSilent, SystemSpokeAgain
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.language import todays
from schemas.nights import Nights
from schemas.record import AnyRecord, Position, Provenance, Record
from tests.unit.projections.logs import NAMESPACE, write

TOPIC = f"{NAMESPACE}observatory"
DUSK = 1_763_604_000_000_000
CLASSES = [TcsEvent, TimePassed, SettingsTookEffect, SystemFellSilent, SystemSpokeAgain]
TIMES = st.integers(DUSK, DUSK + 8)
SYSTEMS = st.sampled_from(["tcs", "pas"])
TCS = st.builds(
    lambda time, system, names: TcsEvent(
        time, time, system, "root", "ra", False, dict.fromkeys(names, time), {}
    ),
    TIMES,
    SYSTEMS,
    st.sets(st.sampled_from("xyz")),
)
EVENTS = st.one_of(
    TCS,
    st.builds(TimePassed, TIMES),
    st.builds(SystemFellSilent, TIMES, SYSTEMS, TIMES, st.just(5.0)),
    st.builds(SystemSpokeAgain, TIMES, SYSTEMS, TIMES),
    st.builds(
        lambda time, after: SettingsTookEffect(time, "silence", {"after": str(after)}, ""),
        TIMES,
        st.integers(0, 3),
    ),
)


class Schemas:
    """A registry that has the schema of each class under its place in CLASSES."""

    def decoder(self, number: int, _: Position) -> tuple[type | None, Decode]:
        cls = CLASSES[number]
        return cls, todays().reader(avro.schema_of(cls), cls)

    def schema(self, number: int, _: Position) -> Schema:
        return avro.schema_of(CLASSES[number])


ENCODERS = {cls: avro.writer(cls, framing.prefix(CLASSES.index(cls))) for cls in CLASSES}


def time_of(event: Any) -> int:
    return event.data_time if isinstance(event, TcsEvent) else event.time


def on_log(events: Sequence[Any], partition: int = 0) -> list[Message]:
    """Return the messages of a partition."""
    made: list[Any] = [
        Kafka(
            topic=TOPIC,
            partition=partition,
            offset=offset,
            key=(event.record_key or "").encode(),
            value=ENCODERS[type(event)](event),
            timestamp=(1, time_of(event) // 1000),
        )
        for offset, event in enumerate(events)
    ]
    return cast("list[Message]", made)


def held(messages: Sequence[Message], until: int | None = None) -> list[int]:
    """Return the offsets of what holds."""
    before, holding = Before(Window({}, until), None, Schemas().decoder), Holding(Schemas())
    for message in messages:
        holding.add(before.of([message]))
    return [said.message.offset() for said in holding.kept()]


def read(events: Sequence[Any], stands: Sequence[int], played: Sequence[int]) -> list[AnyRecord]:
    """Return a replay's records: some that stand, others that are played; seqs are offsets."""
    marked = [(number, True) for number in stands] + [(number, False) for number in played]
    return [
        Record(
            events[number],
            Provenance("tcs", number, standing=stood),
            None,
            time_of(events[number]),
            Position(TOPIC, 0, offset),
        )
        for offset, (number, stood) in enumerate(marked)
    ]


def digest(module: Any, records: Sequence[AnyRecord]) -> str:
    with closing(connect("sqlite://")) as database:
        store = ViewStore(database, module.view(Nights()), NAMESPACE)
        store.create()
        write(store, [records])
        return store.digest()


@given(events=st.lists(EVENTS, max_size=20), until=TIMES)
@settings(max_examples=40)
def test_from_a_time_on_the_latest_values_are_those_of_all(
    events: Sequence[Any], until: int
) -> None:
    stands = held(on_log(events), until)
    later = [number for number, event in enumerate(events) if time_of(event) >= until]
    everything = read(events, [], range(len(events)))
    assert digest(tcs_latest, read(events, stands, later)) == digest(tcs_latest, everything)


@given(events=st.lists(EVENTS, max_size=20), first=st.integers(0, 20))
@settings(max_examples=40)
def test_from_a_place_on_values_and_a_service_s_state_are_those_of_all(
    events: Sequence[Any], first: int
) -> None:
    stands = held(on_log(events)[:first])
    records = read(events, stands, range(first, len(events)))
    everything = read(events, [], range(len(events)))
    assert digest(tcs_latest, records) == digest(tcs_latest, everything)
    assert _folded(records) == _folded(everything)


def _folded(records: Sequence[AnyRecord]) -> Any:
    state = silence.service().initial
    for record in records:
        state = silence.evolve(state, record)
    return state


@given(parts=st.lists(st.lists(TCS, max_size=8), min_size=2, max_size=2), data=st.data())
def test_before_a_place_in_a_window_comes_what_the_one_order_has_before_it(
    parts: Sequence[Sequence[Any]], data: st.DataObject
) -> None:
    start, end = DUSK + 2, DUSK + 7
    log = {(TOPIC, n): on_log(events, n) for n, events in enumerate(parts)}
    ranges = {place: [(1, len(messages))] for place, messages in log.items()}
    window = Window(ranges, start, end, earlier=lambda _: ranges)
    timed = {
        place: [
            (time_of(event), message)
            for event, message in list(zip(parts[place[1]], messages, strict=True))[1:]
            if start <= time_of(event) < end
        ]
        for place, messages in log.items()
    }
    order = [(time, (m.topic(), m.partition()), m.offset()) for time, m in in_order(timed)]
    cue = data.draw(st.sampled_from([*order, (data.draw(TIMES), ("", -1), -1)]))
    before = Before(window, cue, Schemas().decoder)
    came = {(m.partition(), m.offset()) for place in log for m in before.of(log[place])}
    wanted = {(place[1], offset) for time, place, offset in order if (time, place, offset) < cue}
    wanted |= {
        (place[1], m.offset())
        for place, messages in log.items()
        for event, m in zip(parts[place[1]], messages, strict=True)
        if time_of(event) < start
    }
    assert came == wanted


@given(events=st.lists(TCS, min_size=1, max_size=12), untils=st.lists(TIMES, max_size=4))
@settings(max_examples=30)
def test_wherever_a_replay_seeks_no_record_counts_twice(
    events: Sequence[Any], untils: Sequence[int]
) -> None:
    seen = list[AnyRecord]()
    for until in untils:
        later = [number for number, event in enumerate(events) if time_of(event) >= until]
        for one in read(events, held(on_log(events), until), later):
            seen.append(one._replace(position=Position(TOPIC, 0, len(seen))))
    assert _count(seen) <= len({record.provenance.seq for record in seen})


def _count(records: Sequence[AnyRecord]) -> int:
    with closing(connect("sqlite://")) as database:
        store = ViewStore(database, tcs_activity.view(Nights()), NAMESPACE)
        store.create()
        write(store, [records])
        with database.reading() as connection:
            (table,) = store.tables.data.values()
            return sum(row.events for row in connection.execute(table.select()))


def test_values_that_others_cover_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_SHAPES", 4)
    events = [
        TcsEvent(DUSK + n, 0, "tcs", "root", "ra", False, {name: 1.0, "x": 1.0}, {})
        for n, name in enumerate(f"value {n % 97}" for n in range(400))
    ]
    messages = on_log(events)
    holding = Holding(Schemas())
    for message in messages:
        holding.add([message])
    assert [said.message.offset() for said in holding.kept()] == list(range(303, 400))
    holding = Holding(Schemas())
    many = [TcsEvent(DUSK + n, 0, "tcs", "root", "ra", False, {"x": n}, {}) for n in range(50)]
    for message in on_log(many):
        holding.add([message])
    assert len(holding.kept()) == 1


def test_a_repeat_holds_nothing() -> None:
    events = [TcsEvent(DUSK, DUSK, "tcs", "root", "ra", False, {"x": n}, {}) for n in range(3)]
    said: list[Any] = [
        Kafka(
            topic=TOPIC,
            partition=0,
            offset=offset,
            value=ENCODERS[TcsEvent](events[seq]),
            timestamp=(1, DUSK // 1000),
            headers=cast("Any", [("src", b"tcs:%d" % seq)]),
        )
        for offset, seq in enumerate([0, 1, 0, 2, 1, 2])
    ]
    assert held(said) == [3]


def test_what_can_t_be_read_holds_nothing() -> None:
    (good,) = on_log([TcsEvent(DUSK, DUSK, "tcs", "root", "ra", False, {"x": 1}, {})])
    made: list[Any] = [
        Kafka(topic=TOPIC, partition=0, offset=1 + n, value=value, timestamp=(1, DUSK // 1000))
        for n, value in enumerate([None, b"", b"no Avro", framing.prefix(0) + b"\x02"])
    ]
    assert held([good, *cast("list[Message]", made)]) == [0]


@pytest.mark.parametrize("name", ["TimePassed", "NoticeRequested", "NoticeStarted"])
def test_what_happened_and_is_over_holds_nothing(name: str) -> None:
    assert events()[name].holds is None
