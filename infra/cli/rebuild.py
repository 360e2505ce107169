"""`evctl rebuild`: a view made anew from the log."""

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.differing import compared
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.viewing import chosen_views
from infra.counting import counted
from infra.indexing import open_database
from infra.log.cluster import connect
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.logs import configure
from infra.projecting import judging
from infra.projecting.rebuilding import Begun, Rebuilding
from infra.quarantine.writing import Quarantine
from infra.sealing.bases import bases
from infra.sealing.records import Seals
from infra.sealing.shelf import Shelf
from infra.settings import Settings
from infra.signals import Stop, stopping

EPILOG = examples(
    "evctl rebuild tcs_latest",
    "evctl rebuild tcs_events night_summary --from-zero",
    "evctl rebuild tcs_latest --diff --dry-run   what would change?",
    "evctl rebuild tcs_latest --cancel           forget what a rebuild has left",
)


def command(
    ctx: typer.Context,
    views: Annotated[
        list[str], typer.Argument(metavar="VIEW", help="Views to make anew, such as tcs_latest.")
    ],
    *,
    from_zero: Annotated[
        bool,
        typer.Option(
            "--from-zero",
            help="Read the whole log: begin with no seal's snapshot, and with nothing that an "
            "earlier rebuild has left.",
        ),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Show the rows that differ before the new tables serve."),
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=0, help="Of each table, show this many differing rows."
        ),
    ] = 20,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Fill new tables, and leave the old ones serving."),
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Drop new tables that a rebuild has left, do no more.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Fill the tables of views anew from the log.

    New tables are filled beside those that serve, and then swapped in. It begins with the newest
    seal's snapshot that fits, or at the log's beginning. Interrupted or killed, the command leaves
    the tables as they were, and the new ones as far as they are: called again, it goes on there.
    So it does after a record that a view can't take in and that nobody has dropped (`evctl
    quarantine drop`); it names the record.
    """
    shown = limit if diff else None
    wish = Wish(from_zero=from_zero, diff=shown, dry_run=dry_run, cancel=cancel)
    rebuild_views(ctx, views, log_file, login_name(), wish)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a rebuild is asked for; `diff` is how many differing rows of a table are shown."""

    from_zero: bool = False
    diff: int | None = None
    dry_run: bool = False
    cancel: bool = False


PLAIN = Wish()


def login_name() -> str:
    """Return who runs this; a user that the system has no name for is a number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def rebuild_views(
    ctx: typer.Context,
    views: Sequence[str],
    log_file: Path | None,
    who: str,
    wish: Wish = PLAIN,
) -> None:
    """Make views anew, and write that they have taken in what was in quarantine; `who` says so."""
    site = settings(ctx)
    configure(site.logging, "rebuild", log_file)
    chosen = chosen_views(site, views)
    cluster, database = connect(site), open_database(site)
    registry = Registry(cluster)
    quarantine = Quarantine(cluster, registry)
    judge = judging.Rebuilding(quarantine.fates, cluster.namespace)
    with stopping() as stop:
        for view in chosen:
            judge.refresh()
            work = Rebuilding(cluster, registry, database, view, judge)
            if wish.cancel:
                typer.echo(f"{view.name}: {_cancelled(work)}")
                continue
            _rebuild(work, site, stop, wish)
            if lost := work.lost():
                typer.echo(_lost(view.name, lost, dry_run=wish.dry_run), err=True)
            if wish.dry_run:
                typer.echo(f"{view.name}: new tables are filled, the old ones serve")
                continue
            judge.refresh()  # the tables that serve may have passed something over meanwhile
            work.swap()
            waiting = work.taken_in(quarantine.fates.waiting(view.name))
            retried = quarantine.retried(waiting, who)
            typer.echo(f"{view.name}: {_said(work, retried, judge)}")


def _said(work: Rebuilding, retried: int, judge: judging.Judge) -> str:
    said = f"rebuilt from {counted(work.records, 'record')}"
    if retried:
        said += f", {retried:,} of them from quarantine"
    if passed := judge.passed[work.view.name]:
        said += f"; {passed:,} dropped"
    return said


def _lost(view: str, lost: Mapping[Place, int], *, dry_run: bool) -> str:
    places = ", ".join(f"{n:,} of {name}[{part}]" for (name, part), n in sorted(lost.items()))
    return (
        f"{view}: the old tables have read records that the log has not any more ({places}): what "
        f"they say of them {'would go' if dry_run else 'goes'} with them"
    )


def _cancelled(work: Rebuilding) -> str:
    return "what a rebuild had left is dropped" if work.cancel() else "no rebuild has left anything"


def _rebuild(work: Rebuilding, site: Settings, stop: Stop, wish: Wish) -> None:
    """Fill the new tables, and show what differs if it is asked for; exits where it is stopped."""
    seals = Seals(work.cluster, work.registry)
    shelf = Shelf(site.seals.directory, work.cluster.namespace)
    begun = work.begin(bases(seals, shelf, work.view), from_zero=wish.from_zero)
    if begun.done:
        done = counted(begun.done, "record")
        typer.echo(f"{work.view.name}: going on from {begun.origin}, {done} done")
    with progress(f"rebuilding {work.view.name}", begun.done + begun.to_go) as advance:
        advance(begun.done)
        if wish.diff is not None:
            for line in compared(work, wish.diff, stop, advance):
                typer.echo(line)
        complete = not stop.requested and work.fill(stop, advance)
    if not complete:
        typer.echo(_stopped(work, begun), err=True)
        raise typer.Exit(stop.exit_code)


def _stopped(work: Rebuilding, begun: Begun) -> str:
    done, total, name = begun.done + work.records, begun.done + begun.to_go, work.view.name
    return (
        f"{name}: stopped; the tables are as they were. Of {counted(total, 'record')} {done:,} are "
        f"in new ones: `evctl rebuild {name}` goes on there, with --cancel it drops them"
    )
