"""`evctl export`: a night comes out of the log, as a recording or as an archive."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from infra.archive.building import require_free
from infra.archive.writing import Export, Written
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.exporting import Exported, Stopped, export
from infra.indexing import night_index
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.sealing.records import Seals
from infra.signals import Stop, stopping
from infra.windows import NightIndex, Window
from producers import RecordingWriter
from producers.formats import writer_for, writers

EPILOG = examples(
    "evctl export 2026-11-20 --to night.db",
    "evctl export 2026-11-20 --to night.jsonl --format jsonl",
    "evctl export all --to everything.db",
    "evctl export 2026-11-20 --to nights/2026-11-20 --format archive",
)
_ARCHIVE = "archive"
_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def command(
    ctx: typer.Context,
    night: Annotated[
        str,
        typer.Argument(metavar="NIGHT", help="The night's date, such as 2026-11-20, or `all`."),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="PATH", help="The file to write; the directory of an archive."
        ),
    ],
    format: Annotated[  # noqa: A002 (the option's name)
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(sorted([*writers(), _ARCHIVE])),
            help="The recording's format, or archive. Without it: jsonl if PATH ends in .jsonl or "
            ".ndjson, else sqlite.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Replace PATH if it is there.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Write a night's events to a recording, each with its id, or all its records to an archive.

    Importing a recording anywhere gives the same events with the same ids. An archive is a
    directory of Avro files: everything of the night, each byte as the log has it, with schemas,
    digests and the night's seal, for other programs and for `evctl import`. Either is whole, or not
    there. An archive of the same records that is there already is left as it is.
    """
    if to == Path("-"):
        raise typer.BadParameter(
            "a recording is a file, whole or not there: name one with --to (what writes to "
            "standard output is `evctl tail observatory --json`)"
        )
    if format == _ARCHIVE and night == "all":
        raise typer.BadParameter("an archive holds one night: name its date")
    site = settings(ctx)
    configure(site.logging, "export", log_file)
    if format == _ARCHIVE:
        require_free(to)
        write = _archiving(night, to, force=force)
    else:
        write = _recording(night, writer_for(format or _format_of(to))(to, overwrite=force))
    cluster = connect(site)
    index = night_index(cluster, site)
    window = index.all() if night == "all" else index.night(night)
    with stopping() as stop, progress(f"exporting {night}", _records(window)) as advance:
        try:
            said = write(cluster, index, stop, advance)
        except Stopped:
            typer.echo(f"stopped; {to} was not written", err=True)
            raise typer.Exit(stop.exit_code) from None
    typer.echo(f"{to}: {said}")


_Write = Callable[[Cluster, NightIndex, Stop, Callable[[int], None]], str]


def _recording(night: str, writer: RecordingWriter) -> _Write:
    """Return what writes a recording, and says what it has done."""

    def write(
        cluster: Cluster, index: NightIndex, stop: Stop, advance: Callable[[int], None]
    ) -> str:
        window = index.all() if night == "all" else index.night(night)
        return _said(export(cluster, Registry(cluster), window, writer, stop, advance))

    return write


def _archiving(night: str, to: Path, *, force: bool) -> _Write:
    """Return what writes an archive, and says what it has done."""

    def write(
        cluster: Cluster, index: NightIndex, stop: Stop, advance: Callable[[int], None]
    ) -> str:
        registry = Registry(cluster)
        seal = Seals(cluster, registry).newest(night)
        job = Export(cluster, registry, index, night, seal, to)
        return _said_of(job.write(stop, advance, force=force))

    return write


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


def _said_of(done: Written) -> str:
    held = done.manifest
    sealed = "not sealed" if held.seal is None else f"as sealed (version {held.seal})"
    if not done.made:
        return f"there already, an archive of the same records, {sealed}"
    size = sum(file.bytes for file in held.files)
    return f"{held.records:,} record{'s' * (held.records != 1)} in {size:,} bytes, {sealed}"
