"""Laws of every service and worker, found by the folder `consumers`."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consumers
from consumers import Service
from infra.database.seats import MAX_SERVICE
from infra.serving import roles
from schemas import avro
from schemas.catalogue import event_class
from schemas.declare import DECIDED
from schemas.record import AnyRecord, Position, Provenance, Record
from schemas.topics import topic
from tests.unit.projections.logs import NAMESPACE, TIMES, events_of

SERVICES = pytest.mark.parametrize("service", consumers.services().values(), ids=lambda s: s.name)
WORKERS = pytest.mark.parametrize("name", consumers.workers())


@st.composite
def records(draw: st.DrawFn, service: Service[Any]) -> Sequence[AnyRecord]:
    """Return records of the topic that a service reads."""
    (name,) = service.reads
    where = topic(name)
    events = draw(st.lists(events_of(where), max_size=12))
    return [
        Record(
            event,
            Provenance("somebody", offset),
            event.record_key,
            draw(TIMES),
            Position(where.full_name(NAMESPACE), 0, offset),
        )
        for offset, event in enumerate(events)
    ]


@SERVICES
@given(data=st.data())
def test_it_decides_about_whatever_its_topics_carry(
    service: Service[Any], data: st.DataObject
) -> None:
    state = service.initial
    for record in data.draw(records(service)):
        events = service.decide(state, record)
        assert repr(events) == repr(service.decide(state, record))  # unlike ==, NaN is NaN
        assert all(type(event).ORIGIN is DECIDED for event in events)
        state = service.evolve(state, record)
        for event in events:
            state = service.evolve(state, record._replace(event=event))


@SERVICES
@given(data=st.data())
def test_its_state_is_the_same_after_it_was_written_down(
    service: Service[Any], data: st.DataObject
) -> None:
    cls: type = type(service.initial)
    write, read = avro.writer(cls), avro.reader(avro.schema_of(cls), cls)
    kept = read(write(service.initial), 0)
    state = service.initial
    for record in data.draw(records(service)):
        assert repr(service.decide(state, record)) == repr(service.decide(kept, record))
        state = service.evolve(state, record)
        kept = read(write(service.evolve(kept, record)), 0)
    assert repr(read(write(state), 0)) == repr(kept)  # unlike ==, NaN is NaN


@SERVICES
def test_it_writes_what_its_topics_carry(service: Service[Any]) -> None:
    carried = {event for name in service.writes for event in topic(name).events}
    assert {"ServiceTookOver", "DecisionFailed"} <= carried
    assert len(service.name) <= MAX_SERVICE


@WORKERS
def test_a_worker_has_a_port_and_requests_that_expire(name: str) -> None:
    assert name in roles.PORTS
    worker = consumers.workers()[name](None)
    assert worker.name == name
    assert worker.requests
    for request in worker.requests:
        assert "valid_until" in request.__dataclass_fields__  # type: ignore[attr-defined]
        assert request is event_class(request.__name__)
