"""`evctl import`: recordings and archives of nights go into the log."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from infra.archive import manifest
from infra.archive.checking import check
from infra.archive.manifest import Manifest
from infra.archive.restoring import Restored, Restoring
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.exporting import Stopped
from infra.importing import Imported, import_recording
from infra.indexing import night_index
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.log.turns import Turn
from infra.logs import configure
from infra.namespaces import refuse_replay
from infra.settings import Settings
from infra.signals import Stop, stopping
from producers import Recording
from producers.formats import open_recording, readers
from schemas import utc
from schemas.topics import IMPORTS

EPILOG = examples(
    "evctl import night.db",
    "evctl import --no-convert-number night.db",
    "evctl import 20190307.jsonl.gz 20190308.jsonl.gz",
    "evctl import nights/2026-11-20",
)
_ARCHIVE = "archive"
_HOME = (
    "this log had the records before: tables that show them would count them twice; make them anew "
    "(`evctl rebuild VIEW --from-zero`)"
)


def command(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Recordings of nights, whose formats are seen by how they begin, and directories "
            "of archives.",
        ),
    ],
    format: Annotated[  # noqa: A002 (the option's name)
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(sorted([*readers(), _ARCHIVE])),
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
    """Append recordings and archives of nights to the log.

    What the log has already is not added again, whichever file it came from, so an import that was
    interrupted is simply run again. An archive is proven to be as it was written before anything of
    it is added.
    """
    site = settings(ctx)
    refuse_replay(site.log.namespace, "what is imported")
    configure(site.logging, "import", log_file)
    with stopping() as stop:
        given = [
            _archive(file, stop)
            if format == _ARCHIVE or (format is None and file.is_dir())
            else open_recording(
                file,
                convert_numbers=not no_convert_number,
                convert_booleans=not no_convert_bool,
                format=format,
            )
            for file in files
        ]
        cluster = connect(site)
        with Turn(cluster, IMPORTS, "import", stop, _wait) as turn:
            to = _Log(site, cluster, Registry(cluster), turn, stop)
            for file, one in zip(files, given, strict=True) if turn.mine else ():
                said = to.restore(file, one) if isinstance(one, Manifest) else to.append(one)
                typer.echo(f"{file}: {said}")
                if stop.requested:
                    break
        raise typer.Exit(stop.exit_code)


def _archive(folder: Path, stop: Stop) -> Manifest:
    """Return what an archive holds, once it is proven."""
    total = manifest.read(folder).records
    with progress(f"checking {folder.name}", total) as bar:
        try:
            return check(folder, stop, bar)
        except Stopped:
            typer.echo(f"stopped; nothing of {folder} was added", err=True)
            raise typer.Exit(stop.exit_code) from None


class _Log(NamedTuple):
    """A log that recordings and archives go to, one after the other."""

    site: Settings
    cluster: Cluster
    registry: Registry
    turn: Turn
    stop: Stop

    def append(self, recording: Recording) -> str:
        """Append a recording; say what was done."""
        index = night_index(self.cluster, self.site)
        with progress(f"importing {recording.path.name}", recording.count()) as bar:
            done = import_recording(
                self.cluster, self.registry, index, recording, self.stop, self._advancing(bar)
            )
        return _said(done)

    def restore(self, folder: Path, held: Manifest) -> str:
        """Append what is missing of an archive; say what was done."""
        index = night_index(self.cluster, self.site)
        job = Restoring(self.cluster, self.registry, index, folder, held)
        with progress(f"importing {folder.name}", held.records) as bar:
            done = job.run(self.stop, self._advancing(bar))
        if done.home and done.added:
            typer.echo(_HOME, err=True)
        return _said_of(held, done)

    def _advancing(self, bar: Callable[[int], None]) -> Callable[[int], None]:
        def advance(records: int) -> None:
            bar(records)
            self.turn.keep()

        return advance


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


def _said_of(held: Manifest, done: Restored) -> str:
    there = done.records - done.added - done.repeats
    counts = f"{done.added:,} record{'s' * (done.added != 1)} of {held.night} added"
    if there:
        counts += f", {there:,} {'was' if there == 1 else 'were'} on the log already"
    if done.repeats:
        counts += f", {done.repeats:,} that readers pass over left out"
    return counts if done.complete else f"stopped; {counts}; run it again to add the rest"
