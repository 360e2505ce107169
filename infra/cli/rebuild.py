"""`evctl rebuild`: a view made anew from the log."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.viewing import chosen_views
from infra.indexing import open_database
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.projecting.judging import Rebuilding
from infra.projecting.rebuilding import rebuild
from infra.quarantine.writing import Quarantine
from infra.signals import stopping

EPILOG = examples("evctl rebuild tcs_latest", "evctl rebuild tcs_events night_summary")


def command(
    ctx: typer.Context,
    views: Annotated[
        list[str], typer.Argument(metavar="VIEW", help="Views to make anew, such as tcs_latest.")
    ],
    log_file: LogFile = None,
) -> None:
    """Fill the tables of views anew from the log.

    They are filled from the log's beginning, beside the tables that serve, and then swapped in.
    Interrupted, the command leaves the tables as they were. So it does at the first record that a
    view can't take in and that nobody has dropped (`evctl quarantine drop`); it names the record.
    """
    rebuild_views(ctx, views, log_file, login_name())


def login_name() -> str:
    """Return who runs this; a user that the system has no name for is a number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def rebuild_views(
    ctx: typer.Context, views: Sequence[str], log_file: Path | None, who: str
) -> None:
    """Make views anew, and write that they have taken in what was in quarantine; `who` says so."""
    site = settings(ctx)
    configure(site.logging, "rebuild", log_file)
    chosen = chosen_views(site, views)
    cluster, database = connect(site), open_database(site)
    registry = Registry(cluster)
    quarantine = Quarantine(cluster, registry)
    judge = Rebuilding(quarantine.fates, cluster.namespace)
    with stopping() as stop:
        for view in chosen:
            judge.refresh()
            waiting = quarantine.fates.waiting(view.name)
            with progress(f"rebuilding {view.name}", None) as advance:
                done = rebuild(cluster, registry, database, view, judge, stop, advance)
            if not done.complete:
                typer.echo(f"{view.name}: stopped; the tables are as they were", err=True)
                raise typer.Exit(stop.exit_code)
            quarantine.retried(waiting, who)
            passed = sum(name == view.name for name, _ in judge.passed)
            typer.echo(f"{view.name}: {_said(done.records, len(waiting), passed)}")


def _said(records: int, retried: int, passed: int) -> str:
    said = f"rebuilt from {records:,} records"
    if retried:
        said += f", {retried:,} of them from quarantine"
    if passed:
        said += f"; {passed:,} dropped"
    return said
