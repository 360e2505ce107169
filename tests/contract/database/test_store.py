"""Rows and offsets are written together, by one reader, on both databases."""

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.schema import DropTable

from infra.database import (
    Database,
    SchemaMismatch,
    TablesDropped,
    TablesMissing,
    ViewStore,
    connect,
)
from projections import View, views
from projections.fold import Fold, FoldedBatch, Held
from schemas.events.tcs import TcsEvent
from schemas.nights import NamedBy, Nights
from schemas.record import AnyRecord, Position, Provenance, Record
from tests.unit.projections.logs import NAMESPACE, batches, logs, write

VIEWS = views(Nights())
LATEST, EVENTS = VIEWS["tcs_latest"], VIEWS["tcs_events"]
TOPIC = "het.observatory"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(connect(database_url)) as made:
        yield made


def store_of(database: Database, view: View = EVENTS, build: str = "") -> ViewStore:
    store = ViewStore(database, view, "het.", build)
    store.create()
    return store


def event(offset: int, time: int = 0, **values: Any) -> AnyRecord:
    return event_with(values, offset, time)


def event_with(values: Mapping[str, Any], offset: int = 0, time: int = 0) -> AnyRecord:
    made = TcsEvent(time, time, "tcs", "tracker", "position", False, values, {})
    return Record(made, Provenance("s", offset), None, time, Position(TOPIC, 0, offset))


def batch_of(held: Held, *records: AnyRecord, view: View = EVENTS) -> FoldedBatch:
    fold = Fold(view, {(TOPIC, 0): held})
    for record in records:
        fold.add(record)
    return fold.finish()


def taken(store: ViewStore) -> Held:
    row = store.take(TOPIC, 0, "id")
    return Held(row.epoch, row.next_offset, store.high_waters(TOPIC, 0))


def test_rows_offset_and_high_waters_are_written(database: Database) -> None:
    store = store_of(database)
    last = event(7, az=2.0)
    assert store.apply(batch_of(taken(store), event(4, az=1.0), last))
    row = store.positions()[TOPIC, 0]
    assert (row.next_offset, row.epoch, row.topic_id) == (8, 1, "id")
    assert (row.last_offset, row.last_id) == (7, last.provenance.id_bytes)
    assert (row.view_version, row.definition) == (EVENTS.version, EVENTS.definition)
    assert store.high_waters(TOPIC, 0) == {"s": 7}
    assert store.rows() == 2


def test_a_batch_without_records_keeps_the_last_one(database: Database) -> None:
    store = store_of(database)
    held = taken(store)
    batch = batch_of(held, event(0))
    assert store.apply(batch)
    held.advance(batch.spans[0])
    fold = Fold(EVENTS, {(TOPIC, 0): held})
    fold.pass_over(Position(TOPIC, 0, 1))
    assert store.apply(fold.finish())
    row = store.positions()[TOPIC, 0]
    assert (row.next_offset, row.last_offset) == (2, 0)


def test_a_batch_is_written_once(database: Database) -> None:
    store = store_of(database)
    batch = batch_of(taken(store), event(0))
    assert store.apply(batch)
    assert not store.apply(batch)
    assert store.rows() == 1


def test_a_reader_that_lost_the_partition_writes_nothing(database: Database) -> None:
    store = store_of(database)
    before, after = taken(store), taken(store)
    assert not store.apply(batch_of(before, event(0)))
    assert (store.rows(), store.high_waters(TOPIC, 0)) == (0, {})
    assert store.apply(batch_of(after, event(0)))


def test_one_partition_lost_drops_the_whole_batch(database: Database) -> None:
    store = store_of(database)
    both = {}
    for partition in (0, 1):
        row = store.take(TOPIC, partition, "id")
        both[TOPIC, partition] = Held(row.epoch, row.next_offset)
    store.take(TOPIC, 1, "id")
    fold = Fold(EVENTS, both)
    fold.add(event(0))
    fold.add(event(0)._replace(position=Position(TOPIC, 1, 0)))
    assert not store.apply(fold.finish())
    assert store.rows() == 0
    assert {row.next_offset for row in store.positions().values()} == {0}


def test_a_taken_row_keeps_the_topic_it_was_read_from(database: Database) -> None:
    store = store_of(database)
    assert store.apply(batch_of(taken(store), event(0)))
    row = store.take(TOPIC, 0, "another")
    assert (row.topic_id, row.epoch) == ("id", 2)


def test_a_row_of_which_nothing_was_read_follows_a_topic_made_anew(database: Database) -> None:
    store = store_of(database)
    store.take(TOPIC, 0, "first")
    row = store.take(TOPIC, 0, "second")
    assert (row.topic_id, row.epoch) == ("second", 2)


@pytest.mark.parametrize("dropped", ["data", "position", "sources"])
def test_a_dropped_table_is_not_made_empty(database: Database, dropped: str) -> None:
    store = store_of(database)
    assert store.apply(batch_of(taken(store), event(0)))
    (data,) = store.tables.data.values()
    gone = {"data": data, "position": store.tables.position, "sources": store.tables.sources}
    with database.writing() as connection:
        connection.execute(DropTable(gone[dropped]))
    with pytest.raises(TablesDropped, match=rf"{gone[dropped].name} is missing.*evctl rebuild"):
        store.create()


def test_a_dropped_table_is_made_where_nothing_was_read(database: Database) -> None:
    store = store_of(database)
    taken(store)
    with database.writing() as connection:
        connection.execute(DropTable(store.tables.sources))
    store.create()
    assert store.high_waters(TOPIC, 0) == {}


def test_many_starters_make_the_tables_once_and_each_gets_an_epoch(database_url: str) -> None:
    epochs: list[int] = []
    ready = threading.Barrier(6)

    def start() -> None:
        with closing(connect(database_url)) as database:
            ready.wait()
            epochs.append(store_of(database).take(TOPIC, 0, "id").epoch)

    starters = [threading.Thread(target=start) for _ in range(ready.parties)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert sorted(epochs) == [1, 2, 3, 4, 5, 6]


def test_a_new_file_is_opened_by_many_at_the_same_moment(tmp_path: Path) -> None:
    faults: list[Exception] = []
    for number in range(100):
        ready = threading.Barrier(8)

        def start(ready: threading.Barrier, url: str) -> None:
            with closing(connect(url)) as database:
                ready.wait()
                try:
                    database.engine.connect().close()
                except Exception as fault:  # noqa: BLE001 the test's own thread tells it
                    faults.append(fault)

        url = f"sqlite:///{tmp_path / f'{number}.sqlite'}"
        starters = [threading.Thread(target=start, args=(ready, url)) for _ in range(8)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
    assert faults == []


def test_old_events_do_not_overwrite_newer_values(database: Database) -> None:
    store = store_of(database, LATEST)
    held = taken(store)
    for record in (event(0, 20, az="new"), event(1, 10, az="old"), event(2, 20, az="later")):
        batch = batch_of(held, record, view=LATEST)
        assert store.apply(batch)
        held.advance(batch.spans[0])
    (table,) = store.tables.data.values()
    with database.reading() as connection:
        row = connection.execute(select(table.c.data_time, table.c.value_text)).one()
    assert tuple(row) == (20, '"later"')


def test_keys_differ_by_case_blanks_and_planes_of_unicode(database: Database) -> None:
    store = store_of(database, LATEST)
    names = ["az", "Az", "az ", "az🔭", "az🔬", "äz", "a\N{COMBINING DIAERESIS}z", "az\0"]
    record = event_with({name: name for name in names})
    assert store.apply(batch_of(taken(store), record, view=LATEST))
    (table,) = store.tables.data.values()
    with database.reading() as connection:
        query = select(table.c.value_name).order_by(table.c.value_name)
        found = connection.execute(query).scalars().all()
    assert found == sorted(names)


@given(number=st.floats())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_doubles_are_stored_exactly(database: Database, number: float) -> None:
    store = store_of(database, LATEST)
    store.drop()
    store.create()
    assert store.apply(batch_of(taken(store), event(0, az=number), view=LATEST))
    (table,) = store.tables.data.values()
    with database.reading() as connection:
        (found,) = connection.execute(select(table.c.number)).scalars()
    assert found == (number if math.isfinite(number) else None)


def test_texts_need_no_escapes(database: Database) -> None:
    store = store_of(database)
    payload = {"it's": "\\' -- %s \" \n\r\0\x1a;", "%(a)s": "''\\"}
    assert store.apply(batch_of(taken(store), event_with(payload)))
    with closing(connect("sqlite://")) as other:
        same = store_of(other)
        assert same.apply(batch_of(taken(same), event_with(payload)))
        assert same.digest() == store.digest()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
@given(data=st.data())
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_database_has_the_same_digest(
    mariadb_url: str, view: View, data: st.DataObject
) -> None:
    log = data.draw(logs(view))
    digests = set()
    for url in ("sqlite://", mariadb_url):
        with closing(connect(url)) as database:
            store = ViewStore(database, view, NAMESPACE)
            store.drop()
            store.create()
            write(store, data.draw(batches(log.repeated)))
            digests.add((store.digest(), store.rows()))
    assert len(digests) == 1


def test_a_digest_sees_each_row(database: Database) -> None:
    store = store_of(database)
    assert store.apply(batch_of(taken(store), event(0, az=1), event(1, az=2)))
    before = store.digest()
    (table,) = store.tables.data.values()
    with database.writing() as connection:
        where = table.c.payload == '{"az":2}'
        connection.execute(update(table).where(where).values(payload='{"az":3}'))
    assert store.digest() != before


@pytest.mark.parametrize("namespace", ["", "het.replay.2026-11-20.", "HET.", "_.", "1."])
def test_namespaces_have_tables_of_their_own(database: Database, namespace: str) -> None:
    one, other = (ViewStore(database, EVENTS, name) for name in ("het.", namespace))
    one.create()
    other.create()
    assert one.apply(batch_of(taken(one), event(0)))
    assert (one.rows(), other.rows()) == (1, 0)
    other.drop()
    assert one.exists()
    assert not other.exists()
    with pytest.raises(TablesMissing):
        other.rows()


def test_rows_under_another_definition_are_refused(database: Database) -> None:
    index, other = (views(Nights(18, end))["night_index"] for end in (NamedBy.END, NamedBy.START))
    store = store_of(database, index)
    store.take(TOPIC, 0, "id")
    with pytest.raises(SchemaMismatch, match=r"version 1 under other settings; evctl rebuild"):
        ViewStore(database, other, "het.").create()
    with pytest.raises(SchemaMismatch, match="night_index"):
        ViewStore(database, other, "het.").take(TOPIC, 0, "id")
    assert store.positions()[TOPIC, 0].epoch == 1


def test_tables_of_another_shape_are_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE het__tcs_events (data_time BIGINT, other BIGINT)"))
    with pytest.raises(SchemaMismatch, match="has the columns data_time, other"):
        store_of(database)


def test_a_swap_puts_rows_and_offsets_in_place(database: Database) -> None:
    live = store_of(database)
    held = taken(live)
    assert live.apply(batch_of(held, event(0)))
    built = store_of(database, build="next")
    assert built.apply(batch_of(taken(built), event(0), event(1)))
    live.swap("next")
    assert (live.rows(), live.positions()[TOPIC, 0].next_offset) == (2, 2)
    assert not built.exists()
    assert not ViewStore(database, EVENTS, "het.", "old").exists()


def test_a_reader_from_before_a_swap_writes_nothing_after_it(database: Database) -> None:
    live = store_of(database)
    held = taken(live)
    built = store_of(database, build="next")
    taken(built)
    live.swap("next")
    assert not live.apply(batch_of(held, event(0)))
    assert live.apply(batch_of(taken(live), event(0)))


def test_a_swap_needs_no_live_tables_and_clears_what_another_left(database: Database) -> None:
    left = store_of(database, build="old")
    built = store_of(database, build="next")
    assert built.apply(batch_of(taken(built), event(0)))
    live = ViewStore(database, EVENTS, "het.")
    live.swap("next")
    assert live.rows() == 1
    assert not left.exists()
    live.drop()
    live.drop()
    assert not live.exists()
