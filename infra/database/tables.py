"""A view's tables as one namespace has them, and beside them how far each partition was read.

`VIEW`, `VIEW__position` and `VIEW__sources` are swapped together when a view is rebuilt, so that
rows and offsets never part.
"""

import re
from base64 import b32encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import BigInteger, Column, MetaData, String, Table

from projections import View
from projections.columns import MAX_SOURCE, MAX_TOPIC, identity, text, whole

MAX_NAME = 64
"""Characters of a table's name, MariaDB's limit."""

MAX_VIEW_NAME = 20
_MAX_PREFIX = 28
_PLAIN = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*\.)*")


def prefix(namespace: str) -> str:
    """Return what the names of a namespace's tables begin with, another for each namespace.

    Dots become `_` and hyphens `$`: `replay.2026-11-20.` is `replay_2026$11$20__`. What is too
    long, or has other characters (names of tables may not keep the case), ends in `$$` and a
    digest.
    """
    if not namespace:
        return ""
    plain = namespace.removesuffix(".").replace(".", "_").replace("-", "$") + "__"
    if _PLAIN.fullmatch(namespace) and len(plain) <= _MAX_PREFIX:
        return plain
    digest = b32encode(blake2b(namespace.encode(), digest_size=10).digest()).decode().lower()
    start = re.sub(r"[^a-z0-9]", "", namespace.lower())[:8] or "x"
    return f"{start}$${digest}__"


@dataclass(frozen=True, slots=True)
class ViewTables:
    """The tables of a view in a namespace; `data` is by the view's own table."""

    data: Mapping[Table, Table]
    position: Table
    sources: Table

    @property
    def all(self) -> tuple[Table, ...]:
        """Every table: those that are swapped together."""
        return (*self.data.values(), self.position, self.sources)


def tables_of(view: View, namespace: str, build: str = "") -> ViewTables:
    """Return a view's tables; `build` names a set that is made beside the one that serves."""
    metadata, start, end = MetaData(), prefix(namespace), f"__{build}" if build else ""
    position, sources = f"{view.name}__position", f"{view.name}__sources"
    return ViewTables(
        {
            table: table.to_metadata(metadata, name=f"{start}{table.name}{end}")
            for table in view.tables
        },
        Table(f"{start}{position}{end}", metadata, *_position()),
        Table(f"{start}{sources}{end}", metadata, *_sources()),
    )


def _position() -> list[Column[object]]:
    last_id = identity("last_id", "id of the last record applied")
    last_id.nullable = True
    return [
        text("topic", MAX_TOPIC, "the topic, with namespace", key=True),
        whole("kafka_partition", "its partition", key=True),
        whole("next_offset", "offset of the next record to be read"),
        whole("epoch", "raised by each reader that takes the partition"),
        text("topic_id", 36, "the topic's id: another one if it was made anew"),
        last_id,
        Column("last_offset", BigInteger, nullable=True, comment="where the last record stands"),
        whole("view_version", "version of the view that made the rows"),
        Column("definition", String(16), nullable=False, comment="digest of the view's definition"),
    ]


def _sources() -> list[Column[object]]:
    return [
        text("topic", MAX_TOPIC, "the topic, with namespace", key=True),
        whole("kafka_partition", "its partition", key=True),
        text("source", MAX_SOURCE, "who numbered the records", key=True),
        whole("seq", "highest number applied"),
    ]


def keep_in_key_order(tables: Iterable[Table], *, is_mariadb: bool) -> None:
    """Say how both servers keep the tables: in order of the key, texts compared by code point."""
    collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"  # MySQL's name for it
    for table in tables:
        table.dialect_kwargs["sqlite_with_rowid"] = False
        table.dialect_kwargs["mysql_engine"] = "InnoDB"
        table.dialect_kwargs["mysql_row_format"] = "DYNAMIC"
        table.dialect_kwargs["mysql_default_charset"] = "utf8mb4"
        table.dialect_kwargs["mysql_collate"] = collation
