"""`evctl export`: a night comes out of the log as a recording."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.exporting import Exported, Stopped, export
from infra.indexing import night_index
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.signals import stopping
from infra.windows import Window
from producers.formats import writer_for, writers

EPILOG = examples(
    "evctl export 2026-11-20 --to night.db",
    "evctl export 2026-11-20 --to night.jsonl --format jsonl",
    "evctl export all --to everything.db",
)
_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def command(
    ctx: typer.Context,
    night: Annotated[
        str,
        typer.Argument(metavar="NIGHT", help="The night's date, such as 2026-11-20, or `all`."),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="PATH", help="The file to write.")],
    format: Annotated[  # noqa: A002 (the option's name)
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(sorted(writers())),
            help="The recording's format. Without it: jsonl if PATH ends in .jsonl or .ndjson, "
            "else sqlite.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Replace PATH if it is there.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Write a night's events to a recording, each with its id.

    Importing it anywhere gives the same events with the same ids. The file is whole, or not there.
    """
    if to == Path("-"):
        raise typer.BadParameter(
            "a recording is a file, whole or not there: name one with --to (what writes to "
            "standard output is `evctl tail observatory --json`)"
        )
    site = settings(ctx)
    configure(site.logging, "export", log_file)
    write = writer_for(format or _format_of(to))(to, overwrite=force)
    cluster = connect(site)
    index = night_index(cluster, site)
    window = index.all() if night == "all" else index.night(night)
    with stopping() as stop, progress(f"exporting {night}", _records(window)) as advance:
        try:
            done = export(cluster, Registry(cluster), window, write, stop, advance)
        except Stopped:
            typer.echo(f"stopped; {to} was not written", err=True)
            raise typer.Exit(stop.exit_code) from None
    typer.echo(f"{to}: {_said(done)}")


def _format_of(path: Path) -> str:
    return "jsonl" if path.name.endswith(_JSON_LINES) else "sqlite"


def _records(window: Window) -> int:
    return sum(end - start for spans in window.ranges.values() for start, end in spans)


def _said(done: Exported) -> str:
    said = f"{done.events:,} event{'s' * (done.events != 1)} written"
    if done.left_out:
        others = (
            "record of another kind has" if done.left_out == 1 else "records of other kinds have"
        )
        said += f"; {done.left_out:,} {others} no place in a recording"
    return said
