"""`evctl schema`: the schemas of events, published and on the log."""

import json
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from infra.cli import schema_check, schema_diff
from infra.cli.context import settings
from infra.cli.options import examples
from infra.log.cluster import connect
from infra.log.registry import store_of
from infra.log.schema_store import Entry, SchemaStore
from schemas import avro
from schemas.avro import Schema
from schemas.declare import AVRO_NAMESPACE
from schemas.errors import EvctlError
from schemas.published_files import published

app = typer.Typer(no_args_is_help=True, help="List, check and compare the schemas of events.")
app.command("check", epilog=schema_check.EPILOG)(schema_check.command)
app.command("diff", epilog=schema_diff.EPILOG)(schema_diff.command)


class NoSuchSchema(EvctlError):
    """No schema has this name or id."""

    exit_code = 2

    def __init__(self, wanted: str) -> None:
        super().__init__(f"There is no schema {wanted!r}: `evctl schema list` names them.")
        self.wanted = wanted


class _Row(NamedTuple):
    """A version of a schema, and where it is: in this program, on the log, or both."""

    subject: str
    version: int
    schema: Schema
    id: int
    ours: bool
    kept: bool


@app.command("list", epilog=examples("evctl schema list"))
def list_(ctx: typer.Context) -> None:
    """List the schemas.

    Every version of our events' schemas, and those of others that are on the topic `_schemas`, or
    in the registry that `log.schema_registry` names. An id is the one in use there; of a version
    that is not there yet, the one that it would have on `_schemas`.
    """
    store = store_of(connect(settings(ctx)))
    kept = "on the log" if store.name.startswith("_") else "in the registry"
    typer.echo(f"{'ID':>10}  {'VERSION':>7}  {'WHERE':<26}  SUBJECT")
    for row in _rows(store):
        where = ", ".join(("published",) * row.ours + (kept,) * row.kept)
        typer.echo(f"{row.id:>10}  {row.version:>7}  {where:<26}  {row.subject}")


@app.command(
    epilog=examples(
        "evctl schema show TcsEvent            the newest version",
        "evctl schema show 713362445           the one with this id",
    )
)
def show(
    ctx: typer.Context,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="NAME|ID", help="An event, or a subject or id of `evctl schema list`."
        ),
    ],
) -> None:
    """Print a schema as an .avsc file has it (JSON)."""
    names = {wanted, f"{AVRO_NAMESPACE}.{wanted}"}
    found = [
        row
        for row in _rows(store_of(connect(settings(ctx))))
        if str(row.id) == wanted or {row.subject, avro.full_name(row.schema)} & names
    ]
    if not found:
        raise NoSuchSchema(wanted)
    newest = max(found, key=lambda row: row.version)
    typer.echo(json.dumps(newest.schema, indent=2, ensure_ascii=False))


def _rows(store: SchemaStore) -> Sequence[_Row]:
    kept = {(entry.subject, entry.version): entry for entry in store.entries()}
    rows = []
    for event, versions in published().items():
        for version in versions:
            name = f"{AVRO_NAMESPACE}.{event}", version.version
            there = kept.pop(name, None)
            ours = Entry(*name, avro.schema_id(version.schema), version.schema)
            rows.append(_row(there or ours, ours=True, kept=there is not None))
    rows += [_row(entry, ours=False, kept=True) for entry in kept.values()]
    return sorted(rows, key=lambda row: (not row.ours, row.subject, row.version))


def _row(entry: Entry, *, ours: bool, kept: bool) -> _Row:
    return _Row(entry.subject, entry.version, entry.schema, entry.id, ours, kept)
