"""`evctl import`: a recording of a night goes into the log."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.importing import Imported, import_recording
from infra.indexing import night_index
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.log.turns import Turn
from infra.logs import configure
from infra.signals import stopping
from producers.formats import open_recording, readers
from schemas import utc
from schemas.topics import IMPORTS

EPILOG = examples(
    "evctl import night.db",
    "evctl import --no-convert-number night.db",
    "evctl import 20190307.jsonl.gz 20190308.jsonl.gz",
)


def command(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Recordings of nights; their formats are seen by how they begin."
        ),
    ],
    format: Annotated[  # noqa: A002 (the option's name)
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(sorted(readers())),
            help="Read the files as this format, however they begin.",
            show_default=False,
        ),
    ] = None,
    no_convert_number: Annotated[
        bool,
        typer.Option(
            "--no-convert-number", help="Leave text that is a number as text (sqlite only)."
        ),
    ] = False,
    no_convert_bool: Annotated[
        bool,
        typer.Option(
            "--no-convert-bool", help="Leave the texts true and false as text (sqlite only)."
        ),
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Append recordings of nights to the log.

    What the log has already is not added again, whichever file it came from, so an import that was
    interrupted is simply run again.
    """
    site = settings(ctx)
    configure(site.logging, "import", log_file)
    recordings = [
        open_recording(
            file,
            convert_numbers=not no_convert_number,
            convert_booleans=not no_convert_bool,
            format=format,
        )
        for file in files
    ]
    cluster = connect(site)
    registry = Registry(cluster)
    with stopping() as stop, Turn(cluster, IMPORTS, "import", stop, _wait) as turn:
        for recording in recordings if turn.mine else []:
            index = night_index(cluster, site)
            with progress(f"importing {recording.path.name}", recording.count()) as bar:

                def advance(events: int, bar: Callable[[int], None] = bar) -> None:
                    bar(events)
                    turn.keep()

                done = import_recording(cluster, registry, index, recording, stop, advance)
            typer.echo(f"{recording.path}: {_said(done)}")
            if stop.requested:
                break
        raise typer.Exit(stop.exit_code)


def _wait() -> None:
    typer.echo("another import into this log is under way; waiting for its end", err=True)


def _said(done: Imported) -> str:
    there = done.events - done.added
    counts = f"{done.added:,} event{'s' * (done.added != 1)} added"
    if there:
        counts += f", {there:,} {'was' if there == 1 else 'were'} on the log already"
    if done.events:
        counts += f" ({utc.iso(done.first_time)} to {utc.iso(done.last_time)})"
    return counts if done.complete else f"stopped; {counts}; run it again to add the rest"
