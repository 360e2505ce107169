"""Whether a table that is there is OCD's `vl_obsnum`, and how much it holds.

Wider columns than OCD's are welcome: they are how a site makes room.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from infra.observation_numbers.errors import TableMissing, WrongStructure
from infra.observation_numbers.tables import OBSNUM

_COLUMNS = """
SELECT column_name, column_type, is_nullable, column_default, column_key, extra
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
ORDER BY ordinal_position
"""
_ENGINE = """
SELECT engine, table_type FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name = %s
"""
_WHOLE = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
"""Bits of the types of whole numbers."""


class Limits(NamedTuple):
    """The highest number that a table holds, and the characters of an instrument."""

    obsnum: int
    inst: int


SQLITE = Limits(2**23 - 1, 5)
"""Of our own table there: numbers and instruments as on MySQL, so that rows can move."""


class _Column(NamedTuple):
    kind: str
    nullable: str
    default: str | None
    key: str
    extra: str


def limits_on(connection: Connection, database: str) -> Limits:
    """Return what the table holds; raise `TableMissing` or `WrongStructure`."""
    if connection.dialect.name == "sqlite":
        return SQLITE
    engine = connection.exec_driver_sql(_ENGINE, (OBSNUM,)).first()
    if engine is None:
        raise TableMissing(database, OBSNUM)
    rows = connection.exec_driver_sql(_COLUMNS, (OBSNUM,)).all()
    columns = {row[0].lower(): _Column(*row[1:]) for row in rows}
    wrong = list(_differences(columns))
    if engine[0] != "InnoDB":
        said = "a view" if engine[0] is None else engine[0]
        wrong.append(f"it is {said}, and only InnoDB has transactions")
    if wrong:
        raise WrongStructure(database, OBSNUM, wrong)
    return Limits(
        _highest(columns["obsnum"].kind) or 0,
        _length(columns["inst"].kind) or 0,
    )


def _differences(columns: Mapping[str, _Column]) -> Iterator[str]:
    wanted: dict[str, tuple[Callable[[_Column], object], str]] = {
        "id": (lambda c: _highest(c.kind) and c.key == "PRI", "the primary key, a whole number"),
        "ts": (lambda c: c.kind.startswith(("timestamp", "datetime")), "a timestamp"),
        "obsdate": (lambda c: c.kind == "date", "a date"),
        "inst": (lambda c: _length(c.kind), "a varchar"),
        "obsnum": (lambda c: _highest(c.kind), "a whole number"),
    }
    for name, (is_right, what) in wanted.items():
        if name not in columns:
            yield f"it has no column {name}"
        elif not is_right(columns[name]):
            yield f"{name} is {columns[name].kind}, and not {what}"
    for name, column in columns.items():
        if name not in wanted or name == "ts":
            if column.nullable == "NO" and column.default is None:
                yield f"{name} needs a value, and OCD gives none"
        elif name == "id" and "auto_increment" not in column.extra.lower():
            yield "id does not count by itself (auto_increment)"


def _highest(kind: str) -> int | None:
    """Return the highest number that a column type holds, None for one of other things."""
    found = re.match(r"[a-z]+", kind)
    bits = _WHOLE.get(found[0]) if found else None
    return None if bits is None else 2 ** (bits - ("unsigned" not in kind)) - 1


def _length(kind: str) -> int | None:
    """Return the characters that a column type holds, None for one of other things."""
    found = re.fullmatch(r"(?:var)?char\((\d+)\)", kind)
    return int(found[1]) if found else None
