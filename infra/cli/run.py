"""`evctl run`: a service or the projections in the foreground, as a member of a group."""

import sys
from typing import Annotated, NoReturn

import typer

from infra.cli.agreeing import agreed
from infra.cli.context import settings
from infra.cli.deciding import in_replay
from infra.cli.options import LogFile, examples
from infra.cli.viewing import chosen_views, is_replay
from infra.clock import utc_micros
from infra.counting import counted
from infra.database import ViewStore
from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log import topics
from infra.log.cluster import connect
from infra.log.membership import Membership
from infra.log.registry import Registry
from infra.logs import configure
from infra.mocking import Mock
from infra.namespaces import in_words
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector, group_name
from infra.serving import roles
from infra.serving.running import Server
from infra.settings import Settings
from infra.signals import stopping
from infra.ticking import tick
from schemas import utc
from schemas.errors import EvctlError
from schemas.topics import QUARANTINE, RECORDED

EPILOG = examples(
    "evctl run projections",
    "evctl run projections tcs_events tcs_latest",
    "evctl run projections --once",
    "evctl run silence --instance silence-1",
    "evctl run clock",
    "evctl --namespace mock.first run clock    with dates.mock_time set: it asks first",
    "evctl --namespace replay.first run projections --once",
)
PROJECTIONS, CLOCK = "projections", "clock"


class UnknownService(EvctlError):
    """Nothing that can be run has this name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        known = ", ".join((PROJECTIONS, CLOCK, *roles.names()))
        super().__init__(f"There is nothing to run named {name!r}; known: {known}.")
        self.name = name


def _done(projector: Projector, views: int) -> str:
    said = f"{counted(projector.applied, 'record')} applied to {counted(views, 'view')}"
    if projector.quarantined:
        said += f"; {projector.quarantined:,} put in quarantine: see `evctl quarantine list`"
    return said


def command(
    ctx: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="`projections` and, after it, the views, if not all of them; or a service or "
            "worker: `silence`, `notices`; or the `clock` that they decide by.",
        ),
    ],
    once: Annotated[
        bool,
        typer.Option("--once", help="Read up to the log's present end, then end."),
    ] = False,
    instance: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Static id of this instance: started again under it, after a crash too, it gets "
            "its work back at once.",
        ),
    ] = "",
    yes: Annotated[
        bool,
        typer.Option("-y", "--yes", help="Run with dates.mock_time without being asked."),
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Keep the tables up to date with the log, or run a service or worker, until Ctrl+C.

    Instances started with the same words share the work, and one takes over where another ends.
    """
    service, *views = names
    others = (CLOCK, *roles.names())
    if service != PROJECTIONS and (service not in others or views):
        raise UnknownService(" ".join(names))
    if service == CLOCK and (once or instance):
        raise typer.BadParameter("the clock has no end, nor a group: without --once, --instance")
    site = settings(ctx)
    configure(site.logging, service, log_file)
    if service != PROJECTIONS:
        mock = agreed(site, ticks=service == CLOCK, yes=yes)
        if service == CLOCK:
            _tick(site, mock)
        _serve(site, service, instance, once)
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
            group = group_name(cluster.namespace, views)
            projector.run(stop, Membership(cluster, group, instance))
        typer.echo(_done(projector, len(stores)))
        raise typer.Exit(stop.exit_code)


def _tick(site: Settings, mock: Mock | None) -> NoReturn:
    cluster, now = connect(site), utc_micros()
    said = "true time" if mock is None else f"mocked time ({utc.iso(mock.at(now))})"
    with stopping() as stop:
        typer.echo(f"ticking {said} in {in_words(cluster.namespace)}, until Ctrl+C")
        sys.stdout.flush()
        typer.echo(f"{tick(cluster, stop, mock):,} ticks")
        raise typer.Exit(stop.exit_code)


def _serve(site: Settings, name: str, instance: str, once: bool) -> NoReturn:
    cluster = connect(site)
    registry, cast = Registry(cluster), roles.cast(name, site)
    seats = SeatStore(open_database(site), cluster.namespace)
    with stopping() as stop:
        if is_replay(cluster.namespace):
            cast = in_replay(cluster, registry, name, stop, wait=not once)
        seats.create()
        server = Server(cluster, registry, seats, cast)
        if once:
            server.once(stop)
        else:
            server.run(stop, Membership(cluster, f"{cluster.namespace}evctl.{name}", instance))
        typer.echo(f"{counted(server.handled, 'record')} handled")
        raise typer.Exit(stop.exit_code)
