"""`evctl rebuild`: a view made anew from the log."""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.differing import compared
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.viewing import chosen_views
from infra.indexing import open_database
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.projecting.rebuilding import Begun, Rebuilding
from infra.sealing.bases import bases
from infra.sealing.records import Seals
from infra.sealing.shelf import Shelf
from infra.settings import Settings
from infra.signals import Stop, stopping
from projections import View

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
    """
    site = settings(ctx)
    configure(site.logging, "rebuild", log_file)
    chosen = chosen_views(site, views)
    with stopping() as stop:
        for work in _works(site, chosen):
            if cancel:
                typer.echo(f"{work.view.name}: {_cancelled(work)}")
                continue
            _rebuild(work, site, stop, from_zero=from_zero, diff=limit if diff else None)
            if dry_run:
                typer.echo(f"{work.view.name}: new tables are filled, the old ones serve")
            else:
                work.swap()
                typer.echo(f"{work.view.name}: rebuilt from {work.records:,} records")


def _works(site: Settings, chosen: Sequence[View]) -> list[Rebuilding]:
    cluster, database = connect(site), open_database(site)
    registry = Registry(cluster)
    return [Rebuilding(cluster, registry, database, view) for view in chosen]


def _cancelled(work: Rebuilding) -> str:
    return "what a rebuild had left is dropped" if work.cancel() else "no rebuild has left anything"


def _rebuild(
    work: Rebuilding, site: Settings, stop: Stop, *, from_zero: bool, diff: int | None
) -> None:
    """Fill the new tables, and show what differs if it is asked for; exits where it is stopped."""
    seals = Seals(work.cluster, work.registry)
    shelf = Shelf(site.seals.directory, work.cluster.namespace)
    begun = work.begin(bases(seals, shelf, work.view), from_zero=from_zero)
    if begun.done:
        typer.echo(f"{work.view.name}: going on from {begun.origin}, {begun.done:,} records done")
    with progress(f"rebuilding {work.view.name}", begun.done + begun.to_go) as advance:
        advance(begun.done)
        if diff is not None:
            for line in compared(work, diff, stop, advance):
                typer.echo(line)
        complete = not stop.requested and work.fill(stop, advance)
    if not complete:
        typer.echo(_stopped(work, begun), err=True)
        raise typer.Exit(stop.exit_code)


def _stopped(work: Rebuilding, begun: Begun) -> str:
    done, total, name = begun.done + work.records, begun.done + begun.to_go, work.view.name
    return (
        f"{name}: stopped; the tables are as they were. Of {total:,} records {done:,} are in new "
        f"ones: `evctl rebuild {name}` goes on there, with --cancel it drops them"
    )
