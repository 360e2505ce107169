"""`evctl demo`: a night goes through the log and comes out as tables, start to end."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import examples
from infra.demonstrating.report import text
from infra.demonstrating.stage import Stage
from infra.demonstrating.story import Say, Story, extent, record_night
from infra.replay.pacing import parse_speed
from schemas.errors import EvctlError


class PlaceNotMade(EvctlError):
    """The directory to work in is there already, or can't be made."""

    exit_code = 73

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} can't be made ({reason}): --keep takes a directory that is new.")
        self.path = path


EPILOG = examples(
    "evctl demo",
    "evctl demo night.db --speed 600",
    "evctl demo --record night.db       the simulated night, as a recording of your own",
)
_PLAYING_S = 10.0
"""How long the replay takes unless a speed is asked for."""


def command(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A recording to take instead of the simulated night."),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(
            metavar="FACTOR|max", help="How fast to replay.", show_default="so that it takes 10 s"
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Another seed is another simulated night.")
    ] = 1,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write the simulated night as a recording (sqlite) to this file, and end.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Work in this new directory, and leave it there."),
    ] = None,
) -> None:
    """Import a night, replay it while a projection process is killed, and prove the tables.

    Everything happens in a directory of its own, with a log and a database of its own; nothing of
    yours is touched, and no process stays. Ends with 1 if anything disagrees.
    """
    if speed is not None:
        parse_speed(speed)
    if record is not None:
        if file is not None or speed is not None or keep is not None:
            raise typer.BadParameter("--record plays nothing: it goes with --seed only")
        typer.echo(f"{record}: {record_night(record, seed):,} events of the night of seed {seed}")
        return
    with _folder(keep) as folder, _saying() as say:
        night = file
        if night is None:
            night = folder / "night.db"
            say(f"making the night of seed {seed}")
            record_night(night, seed)
        chosen = speed or f"{max(extent(night) / _PLAYING_S, 1):.6g}"
        stage = Stage(folder)
        try:
            told = Story(stage, night.absolute(), chosen, say).tell()
        finally:
            stage.close()
    typer.echo(text(told))
    if not told.agrees:
        raise typer.Exit(1)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True)
        except OSError as error:
            raise PlaceNotMade(keep, error.strerror or str(error)) from error
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="evctl-demo-") as folder:
        yield Path(folder)


@contextmanager
def _saying() -> Iterator[Say]:
    """Yield the function that says what happens: with a moving bar where a person looks on."""
    if not sys.stderr.isatty():
        yield lambda step: typer.echo(f"- {step}", err=True)
        return
    from rich.console import Console  # noqa: PLC0415 (a tenth of a second that pipes need not pay)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=_STEPS)

        def say(step: str) -> None:
            bar.console.print(f"- {step}")
            bar.update(task, description=step, advance=1)

        yield say


_STEPS = 7
"""How many things the story says."""
