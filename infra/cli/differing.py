"""Rows that differ between the tables that serve and new ones, as lines of text."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.database.differences import RowDifference, TableDifferences, differences
from infra.projecting.rebuilding import Rebuilding
from infra.signals import Stop


def compared(
    work: Rebuilding, limit: int, stop: Stop, advance: Callable[[int], None]
) -> Iterator[str]:
    """Yield what differs, once the new tables have read what the serving ones show.

    Those go on meanwhile; they are compared as they were at one moment.
    """
    if not work.serving.exists():
        yield f"{work.view.name}: no tables serve yet, so that nothing can be compared"
        return
    if missing := work.serving.missing():
        yield f"{work.view.name}: {', '.join(missing)} is not there, so that nothing is compared"
        return
    if not work.fill_to(work.serving.positions(), stop, advance):
        return
    with work.serving.database.at_one_moment() as before:
        shown = work.serving.positions_on(before)
        if not work.fill_to(shown, stop, advance):  # what came since, so that little is held open
            return
        with work.new.database.at_one_moment() as after:
            old, new = work.serving.tables, work.new.tables
            for found in differences(before, old, after, new, limit):
                yield from lines(found)


def lines(found: TableDifferences) -> Iterator[str]:
    """Yield a table's differences: how many, and then the rows."""
    if found.columns_gone or found.columns_new:
        parts = [f"without {name}" for name in found.columns_gone]
        parts += [f"with {name}" for name in found.columns_new]
        yield f"{found.table}: the new table is {', '.join(parts)}; other columns are compared"
    if not found.rows:
        yield f"{found.table}: no row differs"
        return
    yield (
        f"{found.table}: rows that differ: {found.rows:,} ({found.only_old:,} only in the old "
        f"table, {found.only_new:,} only in the new, {found.changed:,} changed)"
    )
    for row in found.shown:
        yield f"  {_line(row)}"
    if found.rows > len(found.shown):
        yield f"  and {found.rows - len(found.shown):,} more (--limit)"


def _line(row: RowDifference) -> str:
    key = _named({name: _text(value) for name, value in row.key.items()})
    changes = {name: f"{_text(a)} → {_text(b)}" for name, (a, b) in row.columns.items()}
    return f"{row.mark} {key}" + (f": {_named(changes)}" if changes else "")


def _named(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
