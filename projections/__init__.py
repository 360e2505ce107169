"""What is shown: each view is a pure function from a record to changes of rows.

A view is a file in `projections/shown` with a function `view(nights) -> View`; it never sees a
connection. `fold` merges the changes of many records, and `infra.database` writes them with the
offset in one transaction.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, String, Table

from schemas.nights import Nights
from schemas.record import AnyRecord

Key: TypeAlias = tuple[Any, ...]
"""The values of a table's primary key, in its order."""

Row: TypeAlias = tuple[Any, ...]
"""The values of a table's other columns, in their order."""


class Insert(NamedTuple):
    """A new row. If the key is there already, the row that is there stays."""

    table: Table
    key: Key
    values: Row


class Upsert(NamedTuple):
    """A new row, or a whole row replaced.

    With `newest_by`, the name of a column, it replaces only a row whose value there is not
    greater: what an old night brings in late does not overwrite what is newer.
    """

    table: Table
    key: Key
    values: Row
    newest_by: str | None = None


class Update(NamedTuple):
    """Some columns of a row that is there; nothing happens if it is not."""

    table: Table
    key: Key
    values: Mapping[str, Any]


class Increment(NamedTuple):
    """Whole numbers added to columns. A row that is not there is made, its other columns NULL.

    Whole numbers only: sums of floats depend on their order.
    """

    table: Table
    key: Key
    values: Mapping[str, int]


class Max(NamedTuple):
    """Columns raised to at least these values. A row that is not there is made, as above."""

    table: Table
    key: Key
    values: Mapping[str, Any]


class Min(NamedTuple):
    """Columns lowered to at most these values. A row that is not there is made, as above."""

    table: Table
    key: Key
    values: Mapping[str, Any]


class Delete(NamedTuple):
    """A row taken away, if it is there."""

    table: Table
    key: Key


Change: TypeAlias = Insert | Upsert | Update | Increment | Max | Min | Delete


@dataclass(frozen=True, slots=True)
class OfNight:
    """How a view's rows belong to nights: by a column of instants (µs), or of nights' names."""

    column: str
    nights: Nights

    def rows(self, table: Table, night: str) -> ColumnElement[bool]:
        """Return the condition that picks the night's rows of a table; raise `NotANight`."""
        start, end = self.nights.bounds(night)
        column = table.c[self.column]
        if isinstance(column.type, String):
            return column == night
        return (column >= start) & (column < end)


@dataclass(frozen=True, slots=True)
class Digest:
    """How a table is digested where its plain rows would not do: sums over groups of rows.

    A view that stores what depends on positions in the log leaves those columns out, for a replay
    or an import puts the same records at other offsets.
    """

    table: str
    groups: tuple[str, ...]
    sums: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class View:
    """A projection: tables, and the function that says how a record changes them.

    `project` gets each record of `topics` (names without namespace), in the order of each
    partition and in any order between them, and must not come to depend on that order. `tables`
    are templates: the database names them for the namespace. A table has a primary key and no
    other index, and each of its columns a comment. `settings` is the text of what the rows depend
    on beside the records. A table without one of `digests` is
    digested whole.
    """

    name: str
    version: int
    topics: tuple[str, ...]
    tables: tuple[Table, ...]
    project: Callable[[AnyRecord], Sequence[Change]]
    of_night: OfNight | None = None
    """None: the rows are of the whole log."""
    settings: str = ""
    digests: tuple[Digest, ...] = ()

    @cached_property
    def definition(self) -> str:
        """A digest of version, settings and columns: rows under another one need a rebuild."""
        said = [str(self.version), self.settings]
        for table in self.tables:
            for column in table.columns:
                length = getattr(column.type, "length", None)
                kind = f"{column.type.python_type.__name__}({length})"
                said.append(f"{table.name}.{column.name}:{kind}:{column.primary_key}")
        return blake2b("\n".join(said).encode(), digest_size=8).hexdigest()


def views(nights: Nights) -> Mapping[str, View]:
    """Return every view by name, found by the folder `projections/shown`."""
    folder = import_module("projections.shown")
    found: dict[str, View] = {}
    for module in pkgutil.iter_modules(folder.__path__, "projections.shown."):
        view: View = import_module(module.name).view(nights)
        if found.setdefault(view.name, view) is not view:
            raise TypeError(f"two views are named {view.name}")
    return MappingProxyType(found)
