"""`evctl schema`: the schemas of events, published and on the log."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.log import reading
from infra.log import topics as real
from infra.log.cluster import Cluster, connect
from schemas import avro
from schemas.avro import Schema
from schemas.declare import AVRO_NAMESPACE
from schemas.errors import EvctlError
from schemas.published_files import published
from schemas.topics import SCHEMAS

app = typer.Typer(no_args_is_help=True, help="List and show the schemas of events.")


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
    on_log: bool


@app.command("list", epilog=examples("evctl schema list"))
def list_(ctx: typer.Context) -> None:
    """List the schemas.

    Every version of our events' schemas, and those of others that are on the topic `_schemas`.
    """
    typer.echo(f"{'ID':>10}  {'VERSION':>7}  {'WHERE':<20}  SUBJECT")
    for row in _rows(connect(settings(ctx))):
        where = ", ".join(filter(None, ("published" * row.ours, "on the log" * row.on_log)))
        typer.echo(f"{row.id:>10}  {row.version:>7}  {where:<20}  {row.subject}")


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
    rows = _rows(connect(settings(ctx)))
    found = [
        row
        for row in rows
        if str(row.id) == wanted or {row.subject, avro.full_name(row.schema)} & names
    ]
    if not found:
        raise NoSuchSchema(wanted)
    newest = max(found, key=lambda row: row.version)
    typer.echo(json.dumps(newest.schema, indent=2, ensure_ascii=False))


def _rows(cluster: Cluster) -> Sequence[_Row]:
    on_log = _on_log(cluster)
    ours = {
        (f"{AVRO_NAMESPACE}.{event}", version.version): version.schema
        for event, versions in published().items()
        for version in versions
    }
    rows = [
        _Row(subject, version, schema, avro.schema_id(schema), True, (subject, version) in on_log)
        for (subject, version), schema in ours.items()
    ]
    rows += [
        _Row(*name, schema, number, False, True)
        for name, (number, schema) in on_log.items()
        if name not in ours
    ]
    return sorted(rows, key=lambda row: (not row.ours, row.subject, row.version))


def _on_log(cluster: Cluster) -> Mapping[tuple[str, int], tuple[int, Schema]]:
    """Return id and schema of each (subject, version) on `_schemas`."""
    if SCHEMAS.name not in real.existing(cluster):
        return {}
    place = (SCHEMAS.name, 0)
    spans = {place: [reading.whole(cluster, [place])[place]]}
    found: dict[tuple[str, int], tuple[int, Schema]] = {}
    for batch in reading.messages(cluster, spans):
        for message in batch:
            key, value = json.loads(message.key() or b"{}"), json.loads(message.value() or b"{}")
            if key.get("keytype") == "SCHEMA" and value:
                name = value["subject"], value["version"]
                found[name] = value["id"], json.loads(value["schema"])
                if value.get("deleted"):
                    del found[name]
    return found
