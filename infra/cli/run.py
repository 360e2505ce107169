"""`evctl run`: a service or the projections in the foreground, as a member of a group."""

import sys
from collections.abc import Sequence
from typing import Annotated, Literal, NoReturn

import typer

from infra.cli.addresses import say_unneeded
from infra.cli.agreeing import agreed
from infra.cli.context import lay_over, settings
from infra.cli.deciding import from_the_start, in_replay
from infra.cli.options import LogFile, examples
from infra.cli.together import run_together
from infra.cli.viewing import chosen_views, is_replay
from infra.cli.words import options_first
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
from infra.settings.sources import refuse_live_and_replay
from infra.signals import stopping
from infra.simulating.place import refuse_worker
from infra.ticking import tick
from schemas import utc
from schemas.errors import EvctlError
from schemas.topics import QUARANTINE, RECORDED

EPILOG = examples(
    "evctl run projections",
    "evctl run projections tcs_events tcs_latest",
    "evctl run projections --once",
    "evctl run silence --instance silence-1",
    "evctl run clock orchestrator observation_numbers shots",
    "evctl run orchestrator -u tcp://192.168.66.31:30301    with the bridge from TCS",
    "evctl run orchestrator --listen",
    "evctl --namespace mock.first run clock    with dates.mock_time set: it asks first",
    "evctl --namespace replay.first run projections --once",
    "evctl --namespace replay.first run shots --stand-in simulated",
)
PROJECTIONS, CLOCK = "projections", "clock"
_LISTING = {"-u", "--event-urls", "-t", "--extra-topics"}
_VALUED = {"-a", "--auto-subscribe", "--instance", "--stand-in", "-l", "--log-file"} | {
    f"--n-ocd-{name}" for name in ("main-loop", "run-shot")
}
ORCHESTRATOR, LISTENER = "orchestrator", "listener"


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


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that several addresses and topics may follow one option."""
    return options_first(words, _VALUED, _LISTING, lambda word: "." in word or "://" in word)


def command(
    ctx: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="`projections` and, after it, the views, if not all of them; or services and "
            "workers, such as `orchestrator`, `shots`, `observation_numbers`, `silence`, "
            "`notices`; or the `clock` that they decide by. Several run as a process each.",
        ),
    ],
    *,
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
    stand_in: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="In a rehearsal, let a worker touch this instead of the world: for `shots`, "
            "`simulated`; for `observation_numbers`, the URL of a database to throw away.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("-y", "--yes", help="Run with dates.mock_time without being asked."),
    ] = False,
    listen: Annotated[
        bool,
        typer.Option(
            "--listen",
            help="Of `orchestrator`: decide and say so, but run no shot and take no number.",
        ),
    ] = False,
    event_urls: Annotated[
        list[str] | None,
        typer.Option(
            "-u",
            "--event-urls",
            metavar="URL",
            help="Record TCS's events from there too, as `evctl bridge in` does. [ZeroMQ]",
            show_default=False,
        ),
    ] = None,
    extra_topics: Annotated[
        list[str] | None,
        typer.Option(
            "-t",
            "--extra-topics",
            metavar="TOPIC",
            help="With -u: record these, too.",
            show_default=False,
        ),
    ] = None,
    auto_subscribe: Annotated[
        Literal["all", "yes", "no"] | None,
        typer.Option(
            "-a",
            "--auto-subscribe",
            help="With -u: all events, or those that OCD needs (yes), or --extra-topics only (no).",
            show_default=False,
        ),
    ] = None,
    n_ocd_main_loop: Annotated[
        int | None,
        typer.Option("--n-ocd-main-loop", metavar="N", help="As in OCD; not needed here."),
    ] = None,
    n_ocd_run_shot: Annotated[
        int | None,
        typer.Option("--n-ocd-run-shot", metavar="N", help="As in OCD; not needed here."),
    ] = None,
    log_file: LogFile = None,
) -> None:
    """Run the orchestrator, another service or worker, or the tables, until Ctrl+C.

    Instances started with the same words share the work, and one takes over where another ends.
    Several services, and the bridge of -u, are a process each; all end if one does.
    """
    say_unneeded(n_ocd_main_loop=n_ocd_main_loop, n_ocd_run_shot=n_ocd_run_shot)
    names = _known(names, listen=listen)
    service, *views = names
    if {ORCHESTRATOR, LISTENER} & {*names}:
        lay_over(ctx, {"urls.event_urls": event_urls})
        refuse_live_and_replay(settings(ctx))
    if service != PROJECTIONS and (views or event_urls or extra_topics or auto_subscribe):
        _together(
            ctx,
            names,
            [
                *_options("-t", extra_topics),
                *_options("-a", [auto_subscribe] if auto_subscribe else None),
                *(event_urls or ()),
            ],
            [
                *(["--once"] if once else []),
                *_options("--stand-in", [stand_in] if stand_in else []),
                *_options("--instance", [instance] if instance else []),
                *_options("--log-file", [str(log_file)] if log_file else []),
            ],
            yes=yes,
        )
    if service == CLOCK and (once or instance):
        raise typer.BadParameter("the clock has no end, nor a group: without --once, --instance")
    if stand_in is not None and service in {CLOCK, PROJECTIONS}:
        raise roles.NeedsNoStandIn(service, "it touches nothing outside")
    site = settings(ctx)
    configure(site.logging, service, log_file)
    if service != PROJECTIONS:
        mock = agreed(site, ticks=service == CLOCK, yes=yes)
        if service == CLOCK:
            _tick(site, mock)
        _serve(site, service, instance, stand_in, once=once)
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


def _known(names: list[str], *, listen: bool) -> list[str]:
    """Return the names as they are run; raise `UnknownService`."""
    if names[0] != PROJECTIONS:
        if PROJECTIONS in names:
            raise typer.BadParameter("projections stand first, and what follows them are views")
        unknown = [name for name in names if name not in {CLOCK, *roles.names()}]
        if unknown:
            raise UnknownService(unknown[0])
    if listen and ORCHESTRATOR not in names:
        raise typer.BadParameter("--listen is for the orchestrator")
    run = [LISTENER if listen and name == ORCHESTRATOR else name for name in names]
    return list(dict.fromkeys(run))


def _options(name: str, values: Sequence[str] | None) -> list[str]:
    return [word for value in values or () for word in (name, value)]


def _together(
    ctx: typer.Context, names: Sequence[str], bridge: Sequence[str], words: Sequence[str], yes: bool
) -> NoReturn:
    """Run each in a process of its own; a mocked time is asked about once, for all of them."""
    site = settings(ctx)
    agreed(site, ticks=CLOCK in names, yes=yes)
    commands = [["run", name, "--yes", *words] for name in names]
    if bridge:
        commands.append(["bridge", "in", *bridge])
    run_together(ctx, commands, until_done="--once" in words)


def _tick(site: Settings, mock: Mock | None) -> NoReturn:
    cluster, now = connect(site), utc_micros()
    said = "true time" if mock is None else f"mocked time ({utc.iso(mock.at(now))})"
    with stopping() as stop:
        typer.echo(f"ticking {said} in {in_words(cluster.namespace)}, until Ctrl+C")
        sys.stdout.flush()
        typer.echo(f"{tick(cluster, stop, mock):,} ticks")
        raise typer.Exit(stop.exit_code)


def _serve(
    site: Settings, name: str, instance: str, stand_in: str | None, *, once: bool
) -> NoReturn:
    refuse_worker(name, site.log.namespace)
    cluster = connect(site)
    registry = Registry(cluster)
    seats = SeatStore(open_database(site), cluster.namespace)
    with stopping() as stop:
        if is_replay(cluster.namespace):
            cast = in_replay(cluster, registry, (site, name, stand_in), stop, wait=not once)
            seats.create()
            if stand_in is not None:
                from_the_start(cluster, seats, cast)
        else:
            cast = roles.cast(name, site, stand_in)
            seats.create()
        server = Server(cluster, registry, seats, cast)
        if once:
            server.once(stop)
        else:
            server.run(stop, Membership(cluster, f"{cluster.namespace}evctl.{name}", instance))
        typer.echo(f"{counted(server.handled, 'record')} handled")
        raise typer.Exit(stop.exit_code)
