"""Of a partition with more sources than memory should hold, the database tells of the others."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, Table, select

from infra.database import Database, ViewStore, connect
from infra.log.batches import Batch
from infra.projecting import feeding
from infra.projecting.feeding import Feed
from infra.projecting.judging import Rebuilding
from projections import Change, Insert, View
from projections.columns import whole
from projections.fold import Held
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord, Position, Provenance, Record
from schemas.repeats import Repeats, asked_of, epoch_line
from tests.contract.database.test_passing_over import Recorded

TOPIC, MOST = "het.observatory", 3
OFFSETS = Table("offsets", MetaData(), whole("kafka_offset", "where", key=True))


def project(record: AnyRecord) -> Sequence[Change]:
    """Note which record was applied."""
    return (Insert(OFFSETS, (record.position.offset,), ()),)


VIEW = View("offsets", 1, ("observatory",), (OFFSETS,), project)
SERVICES, PRODUCERS = ("service/a", "service/b"), tuple(f"spool/{n}" for n in range(9))
SEQS, EPOCHS = st.integers(0, 4), st.integers(0, 3)
SAID = st.one_of(
    st.builds(Provenance, st.sampled_from(PRODUCERS), SEQS, standing=st.booleans()),
    st.builds(Provenance, st.sampled_from(SERVICES), SEQS, epoch=EPOCHS, standing=st.booleans()),
    st.builds(Provenance, st.sampled_from([epoch_line(name) for name in SERVICES]), EPOCHS),
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(connect(database_url)) as made:
        yield made


def taken(store: ViewStore) -> Feed:
    """Return a feed that has taken the partition as it was left."""
    feed, row = Feed(store), store.take(TOPIC, 0, "id")
    waters = store.high_waters(TOPIC, 0, MOST + 1)
    feed.held[TOPIC, 0] = Held(row.epoch, row.next_offset, waters)
    return feed


@given(
    log=st.lists(st.lists(SAID, max_size=6).map(lambda said: (said, len(said) % 2)), max_size=8),
)
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_repeats_are_known_whatever_memory_has_of_their_sources(
    database: Database, monkeypatch: pytest.MonkeyPatch, log: list[tuple[list[Provenance], int]]
) -> None:
    monkeypatch.setattr(feeding, "MOST_SOURCES", MOST)
    store = ViewStore(database, VIEW, "het.")
    store.drop()
    store.create()
    feed, judge = taken(store), Rebuilding(Recorded({}), "het.")
    repeats, wanted, offset = Repeats(), [], 0
    for said, anew in log:
        places = [Position(TOPIC, 0, offset + n) for n in range(len(said))]
        records: list[AnyRecord] = [
            Record(TimePassed(0), one, None, 0, place)
            for one, place in zip(said, places, strict=True)
        ]
        offset += len(records)
        wanted += [one.position.offset for one in records if not repeats.has(one)]
        if anew:
            feed = taken(store)
        assert feed.apply(Batch([], records), judge)
        asked = {name for one in said for name in asked_of(one)}
        assert len(feed.held[TOPIC, 0].high_waters) <= MOST + len(asked)
    (table,) = store.tables.data.values()
    with database.reading() as connection:
        assert list(connection.execute(select(table)).scalars()) == wanted
