"""Changes of one table, merged by key, so that a row is written once however often it changed.

What two changes in a row amount to is one change where that can be said without knowing the row
in the database (an increment after an increment); where it can't (an update after an increment),
a new *stage* begins, which is written after the one before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Table

from projections import Change, Delete, Increment, Insert, Key, Max, Min, Update, Upsert

Values: TypeAlias = tuple[Any, ...]


class Kind(StrEnum):
    """What a statement does with each of its rows."""

    INSERT = "insert"  # rows that are there stay
    UPSERT = "upsert"  # rows that are there are replaced
    NEWEST = "newest"  # rows that are there are replaced if not greater in one column
    COMBINE = "combine"  # columns of rows that are there are added to, raised or lowered
    UPDATE = "update"
    DELETE = "delete"


class Shape(NamedTuple):
    """A kind of statement on some columns, in the table's order; equal shapes are one SQL text.

    `detail` is the guarding column of NEWEST; of COMBINE, for each column, the name of its change.
    """

    table: Table
    kind: Kind
    columns: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()


class Statement(NamedTuple):
    """Rows to be written by one shape: key, then columns (UPDATE: columns, then key)."""

    shape: Shape
    rows: list[Values]


class Combined:
    """Increments, maxima and minima of one row: a column has one kind of change, and its value."""

    __slots__ = ("kinds", "values")

    def __init__(self, first: Increment | Max | Min) -> None:
        self.values: dict[str, Any] = dict(first.values)
        self.kinds: dict[str, type] = dict.fromkeys(first.values, type(first))

    def take(self, change: Change) -> bool:
        """Add a change; False, and nothing done, if it is, or a column has, another kind."""
        kind, kinds, values = type(change), self.kinds, self.values
        if kind not in _JOIN:
            return False
        new: Any = change[2]  # type: ignore[misc]  # it is one of the three
        for column in new:
            if kinds.get(column, kind) is not kind:
                return False
        for column, value in new.items():
            old = values.get(column)
            if old is None:
                values[column], kinds[column] = value, kind
            elif kind is Increment:
                values[column] = old + value
            elif (kind is Max and value > old) or (kind is Min and value < old):
                values[column] = value
        return True


_JOIN: Mapping[type, Callable[[Any, Any], Any]] = {
    Increment: lambda old, new: old + new,
    Max: max,
    Min: min,
}

Merged: TypeAlias = Insert | Upsert | Update | Delete | Combined


class Merging:
    """The changes of one table since the last batch."""

    def __init__(self, table: Table) -> None:
        self.table = table
        others = [column for column in table.columns if not column.primary_key]
        self._columns = tuple(column.name for column in others)
        self._at = {column: place for place, column in enumerate(self._columns)}
        self._stored = {c.name: c.info["stored"] for c in others if "stored" in c.info}
        self._stored_at = [(self._at[name], stored) for name, stored in self._stored.items()]
        self._shapes: dict[tuple[type, str | None], Shape] = {}
        self.stage: dict[Key, Merged] = {}
        """What each key's changes amount to since the last stage began."""
        self._stages = [self.stage]

    def add(self, changes: Iterable[Change]) -> None:
        """Merge changes, in order, with what is known of their keys."""
        stage, last = self.stage, None
        old: Merged | None = None
        for change in changes:
            key = change[1]
            if key is not last:  # a view that changes a row thrice gives one key
                last, old = key, stage.get(key)
            if type(old) is Combined and old.take(change):
                continue
            merged = _first(change) if old is None else _AFTER[type(change)](self, old, change)
            if merged is None:
                self.stage = stage = {}
                self._stages.append(stage)
                merged = _first(change)
            if merged is not old:
                stage[key] = old = merged

    def after_combining(self, old: Merged, change: Increment | Max | Min) -> Merged | None:
        """Return what `old` and the change amount to; None if one change can't say it."""
        if isinstance(old, Delete):
            absent = Upsert(self.table, old.key, (None,) * len(self._columns))
            return self.after_combining(absent, change)
        if isinstance(old, Upsert) and old.newest_by is None:
            row, join = list(old.values), _JOIN[type(change)]
            for column, value in change.values.items():
                at = self._at[column]
                row[at] = value if row[at] is None else join(row[at], value)
            return old._replace(values=tuple(row))
        return None

    def after_upsert(self, old: Merged, change: Upsert) -> Merged | None:
        """Like `after_combining`."""
        guard = change[3]
        if guard is None:
            return change
        if type(old) is Upsert:
            at = self._at[guard]
            if old[3] == guard:
                return change if change[2][at] >= old[2][at] else old
            if old[3] is None:
                newer = max(change.values, old.values, key=itemgetter(at))
                return old._replace(values=newer)
        return change._replace(newest_by=None) if isinstance(old, Delete) else None

    def after_insert(self, old: Merged, change: Insert) -> Merged | None:
        """Like `after_combining`."""
        if isinstance(old, Delete):
            return Upsert(*change)
        return None if isinstance(old, Update) else old

    def after_update(self, old: Merged, change: Update) -> Merged | None:
        """Like `after_combining`."""
        if isinstance(old, Delete):
            return old
        if isinstance(old, Update):
            return old._replace(values={**old.values, **change.values})
        if isinstance(old, Upsert) and old.newest_by is None:
            values = {**dict(zip(self._columns, old.values, strict=True)), **change.values}
            return old._replace(values=tuple(values.values()))
        return None

    def statements(self) -> Iterator[Statement]:
        """Yield the stages' rows in order, grouped by shape, sorted by key.

        Sorted, so that instances that write the same rows lock them in one order.
        """
        for stage in self._stages:
            grouped: dict[Shape, list[Values]] = {}
            for key in sorted(stage):
                merged = stage[key]
                if type(merged) is Insert or type(merged) is Upsert:
                    shape, row = self._whole(merged), key + self._row(merged[2])
                else:
                    shape, row = self._part(key, merged)
                rows = grouped.get(shape)
                if rows is None:
                    grouped[shape] = [row]
                else:
                    rows.append(row)
            yield from (Statement(shape, rows) for shape, rows in grouped.items())

    def _whole(self, merged: Insert | Upsert) -> Shape:
        """Return the shape of a whole row; it is made once, for every row asks for it."""
        guard = merged.newest_by if isinstance(merged, Upsert) else None
        shape = self._shapes.get((type(merged), guard))
        if shape is None:
            kind = Kind.NEWEST if guard else Kind.UPSERT
            kind = Kind.INSERT if isinstance(merged, Insert) else kind
            shape = Shape(self.table, kind, self._columns, (guard,) if guard else ())
            self._shapes[type(merged), guard] = shape
        return shape

    def _part(self, key: Key, merged: Merged) -> tuple[Shape, Values]:
        if isinstance(merged, Combined):
            columns = self._ordered(merged.values)
            names = tuple(merged.kinds[column].__name__ for column in columns)
            values = tuple(merged.values[column] for column in columns)
            return Shape(self.table, Kind.COMBINE, columns, names), key + values
        if isinstance(merged, Update):
            columns = self._ordered(merged.values)
            stored = (self._stored_value(column, merged.values[column]) for column in columns)
            return Shape(self.table, Kind.UPDATE, columns), (*stored, *key)
        return Shape(self.table, Kind.DELETE), key

    def _ordered(self, columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(columns, key=self._at.__getitem__))

    def _row(self, values: Values) -> Values:
        if not self._stored_at:
            return values
        row = list(values)
        for at, stored in self._stored_at:
            row[at] = stored(row[at])
        return tuple(row)

    def _stored_value(self, column: str, value: Any) -> Any:
        stored = self._stored.get(column)
        return stored(value) if stored else value


def _first(change: Change) -> Merged:
    kind = type(change)
    if kind is Insert or kind is Upsert:
        return change  # type: ignore[return-value]  # mypy does not narrow by type(…) here
    return Combined(change) if isinstance(change, (Increment, Max, Min)) else change


def _deleted(_: Merging, __: Merged, change: Delete) -> Merged:
    return change


_AFTER: Mapping[type, Callable[[Merging, Merged, Any], Merged | None]] = {
    Insert: Merging.after_insert,
    Upsert: Merging.after_upsert,
    Update: Merging.after_update,
    Increment: Merging.after_combining,
    Max: Merging.after_combining,
    Min: Merging.after_combining,
    Delete: _deleted,
}
