"""`evctl rebuild`: a view made anew from the log."""

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
from infra.projecting.rebuilding import rebuild
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
    Interrupted, the command leaves the tables as they were.
    """
    site = settings(ctx)
    configure(site.logging, "rebuild", log_file)
    chosen = chosen_views(site, views)
    cluster, database = connect(site), open_database(site)
    registry = Registry(cluster)
    with stopping() as stop:
        for view in chosen:
            with progress(f"rebuilding {view.name}", None) as advance:
                done = rebuild(cluster, registry, database, view, stop, advance)
            if not done.complete:
                typer.echo(f"{view.name}: stopped; the tables are as they were", err=True)
                raise typer.Exit(stop.exit_code)
            typer.echo(f"{view.name}: rebuilt from {done.records:,} records")
