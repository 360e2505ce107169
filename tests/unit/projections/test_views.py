"""What each view shows of a few records, said in rows."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from infra.database import Database, ViewStore, connect
from projections import views
from schemas import utc
from schemas.events.packets import Packet
from schemas.events.tcs import TcsEvent
from schemas.nights import NamedBy, Nights
from schemas.record import AnyRecord, Position, Provenance, Record
from schemas.topics import UnknownTopic, bare_name
from tests.unit.projections.logs import write

HET = Nights(18, NamedBy.END)
EVENING = utc.parse("2026-11-20T18:00:30Z")
MINUTE = 60_000_000


@pytest.fixture
def database() -> Iterator[Database]:
    with closing(connect("sqlite://")) as made:
        yield made


def event(time: int, offset: int, **values: Any) -> AnyRecord:
    made = TcsEvent(time, time + 5, "tcs", "tracker", "position", False, values, {"x": "01"})
    return Record(made, Provenance("s", offset), None, time, Position("het.observatory", 0, offset))


def packet(time: int, offset: int) -> AnyRecord:
    position = Position("het.alerts", 2, offset)
    return Record(Packet(time, "alert", {}), Provenance("z", offset), None, time, position)


def shown(database: Database, view: str, *records: AnyRecord) -> list[tuple[Any, ...]]:
    store = ViewStore(database, views(HET)[view], "het.")
    store.create()
    write(store, [records])
    (table,) = store.tables.data.values()
    with database.reading() as connection:
        rows = connection.execute(select(table).order_by(*table.primary_key.columns)).all()
    return [tuple(row) for row in rows]


def test_tcs_latest_keeps_the_newest_of_each_value(database: Database) -> None:
    rows = shown(
        database,
        "tcs_latest",
        event(EVENING, 0, az=1.5, state="SLEWING"),
        event(EVENING + 9, 1, az=2, ok=True),
        event(EVENING - 9, 2, az=0.5, state="PARKED", note=None),
    )
    name = "tcs.tracker.position"
    assert rows == [
        (name, "az", EVENING + 9, "long", "2", 2.0),
        (name, "note", EVENING - 9, "null", "null", None),
        (name, "ok", EVENING + 9, "boolean", "true", 1.0),
        (name, "state", EVENING, "string", '"SLEWING"', None),
    ]


def test_tcs_latest_takes_the_later_record_at_equal_times(database: Database) -> None:
    records = event(EVENING, 0, az=1), event(EVENING, 1, az=2)
    assert shown(database, "tcs_latest", *records)[0][4] == "2"


def test_tcs_events_has_a_row_an_event(database: Database) -> None:
    record = event(EVENING, 0, b=[1, 2.0], a="x")
    payload = '{"a":"x","b":[1,2.0]}'
    row = (EVENING, record.id.bytes, EVENING + 5, "tcs", "tracker", "position", False, payload)
    assert shown(database, "tcs_events", record) == [(*row, '{"x":"01"}')]


def test_tcs_activity_counts_by_minute_and_source(database: Database) -> None:
    start = EVENING - 30_000_000
    records = event(EVENING, 0), event(start, 1), event(start + MINUTE, 2), event(-1, 3)
    assert shown(database, "tcs_activity", *records) == [
        (-MINUTE, "tcs", "tracker", 1),
        (start, "tcs", "tracker", 2),
        (start + MINUTE, "tcs", "tracker", 1),
    ]


def test_night_index_has_ranges_of_offsets_by_bare_topic(database: Database) -> None:
    records = event(EVENING, 7), event(EVENING - MINUTE, 8), event(EVENING, 9), packet(EVENING, 3)
    late = event(EVENING, 65_536)
    assert shown(database, "night_index", *records, late) == [
        ("2026-11-20", "observatory", 0, 0, 8, 8, 1),
        ("2026-11-21", "alerts", 2, 0, 3, 3, 1),
        ("2026-11-21", "observatory", 0, 0, 7, 9, 2),
        ("2026-11-21", "observatory", 0, 1, 65_536, 65_536, 1),
    ]


def test_night_summary_counts_a_night(database: Database) -> None:
    records = event(EVENING + 9, 0), event(EVENING, 1), packet(EVENING + 99, 0)
    night = ("2026-11-21", 3, 2, EVENING, EVENING + 99)
    assert shown(database, "night_summary", *records) == [night]


def test_a_night_is_digested_alone(database: Database) -> None:
    both = ViewStore(database, views(HET)["tcs_events"], "both.")
    alone = ViewStore(database, views(HET)["tcs_events"], "alone.")
    tonight, before = event(EVENING, 1, az=1), event(EVENING - MINUTE, 2, az=2)
    for store, records in ((both, [tonight, before]), (alone, [tonight])):
        store.create()
        write(store, [records])
    assert both.digest("2026-11-21") == alone.digest("2026-11-21") == alone.digest()
    assert (both.rows("2026-11-21"), both.rows()) == (1, 2)
    assert both.digest("2026-11-20") != alone.digest("2026-11-20")


def test_another_night_boundary_is_another_definition_where_rows_name_nights() -> None:
    rubin = views(Nights(12, NamedBy.START))
    differing = {name for name, v in views(HET).items() if v.definition != rubin[name].definition}
    assert differing >= {"night_index", "night_summary"}


@pytest.mark.parametrize(
    ("full", "bare"),
    [
        ("observatory", "observatory"),
        ("het.replay.observatory.observatory", "observatory"),
        ("het.replay.x.replay.control", "replay.control"),
        ("_schemas", "_schemas"),
    ],
)
def test_a_bare_name_is_without_namespace(full: str, bare: str) -> None:
    assert bare_name(full) == bare


def test_a_topic_that_only_ends_alike_is_unknown() -> None:
    with pytest.raises(UnknownTopic):
        bare_name("myobservatory")


def test_the_reference_page_has_every_column(project_root: Path) -> None:
    page = (project_root / "docs/reference/views.md").read_text(encoding="utf-8")
    for view in views(HET).values():
        for table in view.tables:
            for column in table.columns:
                mark = " (key)" if column.primary_key else ""
                assert f"| `{column.name}`{mark} |" in page, f"{table.name}.{column.name}"
                assert f"| {column.comment} |" in page


def test_each_file_of_the_folder_is_a_view_by_its_name(project_root: Path) -> None:
    files = {file.stem for file in (project_root / "projections/shown").glob("[!_]*.py")}
    assert set(views(HET)) == files
