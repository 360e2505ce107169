"""`evctl run`: the projections in the foreground, as a member of their consumer group."""

from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.viewing import chosen_views, is_replay
from infra.database import ViewStore
from infra.indexing import open_database
from infra.log import topics
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector, group_name
from infra.signals import stopping
from schemas.errors import EvctlError
from schemas.topics import QUARANTINE, RECORDED

EPILOG = examples(
    "evctl run projections",
    "evctl run projections tcs_events tcs_latest",
    "evctl run projections --once",
    "evctl --namespace replay.first run projections --once",
)
PROJECTIONS = "projections"


class UnknownService(EvctlError):
    """Nothing that can be run has this name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        super().__init__(f"There is nothing to run named {name!r}; known: {PROJECTIONS}.")
        self.name = name


def _done(projector: Projector, views: int) -> str:
    said = f"{projector.applied:,} records applied to {views} views"
    if projector.quarantined:
        said += f"; {projector.quarantined:,} put in quarantine: see `evctl quarantine list`"
    return said


def command(
    ctx: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", help="`projections`; after it the views, if not all of them."
        ),
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Read up to the log's present end, then end.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Keep the tables up to date with the log, until Ctrl+C.

    Instances started with the same views share the work, and one takes over where another ends.
    """
    service, *views = names
    if service != PROJECTIONS:
        raise UnknownService(service)
    site = settings(ctx)
    configure(site.logging, PROJECTIONS, log_file)
    chosen = chosen_views(site, views)
    cluster = connect(site)
    if not is_replay(cluster.namespace):  # a replay makes its topics itself
        topics.ensure(cluster, [*RECORDED, QUARANTINE])
    stores = [ViewStore(open_database(site), view, cluster.namespace) for view in chosen]
    for store in stores:
        store.create()
    projector = Projector(cluster, Registry(cluster), [Feed(store) for store in stores], site)
    with stopping() as stop:
        if once:
            projector.once(stop)
        else:
            projector.run(stop, group_name(cluster.namespace, views))
        typer.echo(_done(projector, len(stores)))
        raise typer.Exit(stop.exit_code)
