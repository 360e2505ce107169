"""`evctl bridge`: TCS's events from ZeroMQ to the log, and the log to listeners of ZeroMQ."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from infra import clock, logs, signals
from infra.bridge.errors import Echo, IntoASimulation, NoAddress, require_zeromq
from infra.bridge.wish import Wish
from infra.cli.context import lay_over, settings
from infra.cli.options import LogFile, examples
from infra.cli.viewing import is_replay
from infra.namespaces import refuse_replay, simulation_of
from infra.settings import Settings
from infra.tailing.selection import Edge
from producers import ocd
from producers.tcs_names import Names
from schemas.topics import OBSERVATORY

app = typer.Typer(no_args_is_help=True, help="Carry events from ZeroMQ to the log, and back.")

_LOOPBACK = ("//*:", "//0.0.0.0:", "//localhost:", "//[::]:", "//[::1]:")


@app.command(
    "in",
    epilog=examples(
        "evctl bridge in tcp://192.168.66.31:30301 ipc:///run/tcs/events.ipc",
        "evctl bridge in -a no -t 'pas.*' -t tcs.root.ra_dec tcp://127.0.0.1:5556",
        "evctl bridge in                        from the addresses of the settings",
    ),
)
def in_(
    ctx: typer.Context,
    urls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL",
            help="tcp://HOST:PORT or ipc://PATH of who sends; without any, urls.event_urls of the "
            "settings.",
            show_default=False,
        ),
    ] = None,
    *,
    extra_topics: Annotated[
        list[str] | None,
        typer.Option(
            "-t",
            "--extra-topics",
            metavar="NAME",
            help="Record events of this name or pattern (pas.*) too, or alone; may be given "
            "several times.",
            show_default=False,
        ),
    ] = None,
    auto_subscribe: Annotated[
        Literal["all", "yes", "no"] | None,
        typer.Option(
            "-a",
            "--auto-subscribe",
            help="all: record every event; yes: what OCD subscribes to by itself, and "
            "--extra-topics; no: these alone. Without it, topics.auto_subscribe of the settings.",
            show_default=False,
        ),
    ] = None,
    log_file: LogFile = None,
) -> None:
    """Record TCS's events, as they are sent, until Ctrl+C.

    Who sends may come and go, and the log too: meanwhile events wait in memory. What is no event
    is counted by its reason, and said at the end.
    """
    require_zeromq()
    options = {"extra_topics": extra_topics, "auto_subscribe": auto_subscribe}
    lay_over(ctx, {f"topics.{name}": value for name, value in options.items()})
    lay_over(ctx, {"urls.event_urls": urls})
    site = settings(ctx)
    names = _wanted(site)
    _check_sources(site)
    logs.configure(site.logging, "bridge-in", log_file)
    _record(site, names)


def _wanted(site: Settings) -> Names:
    extra, subscribed = site.topics.extra_topics, site.topics.auto_subscribe
    if subscribed == "all":
        if extra:
            typer.echo(
                "evctl: every event is recorded, those of --extra-topics too; with -a no these "
                "alone would be, with -a yes these and what OCD subscribes to",
                err=True,
            )
        return Names()
    if subscribed == "no" and not extra:
        raise typer.BadParameter("--auto-subscribe no records what --extra-topics names: name some")
    return Names((*ocd.NEEDED, *extra) if subscribed == "yes" else extra)


def _check_sources(site: Settings) -> None:
    if not site.urls.event_urls:
        raise NoAddress("urls.event_urls", "to listen to")
    refuse_replay(site.log.namespace, "what TCS sends now")
    if simulation_of(site.log.namespace) is not None:
        raise IntoASimulation(site.log.namespace)
    ours = set(map(_local, site.urls.ocd_main_loop))
    for url in site.urls.event_urls:
        if _local(url) in ours:
            raise Echo(url)


def _local(url: str) -> str:
    """Return an address with one name for this machine."""
    for name in _LOOPBACK:
        url = url.replace(name, "//127.0.0.1:")
    return url


def _record(site: Settings, names: Names) -> None:
    from infra.bridge.appending import Appender  # noqa: PLC0415 pyzmq is an extra
    from infra.bridge.inbox import Inbox  # noqa: PLC0415
    from infra.bridge.listening import Listener  # noqa: PLC0415
    from infra.bridge.recording import Recorder  # noqa: PLC0415
    from infra.bridge.sockets import Hearing  # noqa: PLC0415

    urls, inbox = site.urls.event_urls, Inbox(site.bridge.buffer)
    with signals.stopping() as stop:
        hearing = Hearing(urls, names.prefixes)
        with Listener(hearing, inbox) as listener:
            appender = Appender(site, f"bridge.{clock.fresh_id()}")
            recorder = Recorder(inbox, listener, appender, names)
            typer.echo(f"recording what comes from {', '.join(urls)}", err=True)
            try:
                recorder.run(stop)
            finally:
                typer.echo(recorder.said(), err=True)
        raise typer.Exit(stop.exit_code)


@app.command(
    "out",
    epilog=examples(
        "evctl bridge out tcp://127.0.0.1:6600 ipc:///run/evctl/events.ipc",
        "evctl bridge out tcp://*:6600 --topics 'pas.*' --topics tcs.root.ra_dec",
        "evctl --namespace replay.first bridge out tcp://127.0.0.1:5556",
    ),
)
def out(
    ctx: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS",
            help="tcp://HOST:PORT (* for HOST: all of this machine's) or ipc://PATH to send from; "
            "without any, urls.ocd_main_loop of the settings, in a replay's namespace "
            "urls.ocd_db_replay.",
            show_default=False,
        ),
    ] = None,
    *,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "-T",
            "--topics",
            metavar="NAME",
            help="Send events of this name or pattern only; may be given several times.",
            show_default=False,
        ),
    ] = None,
    from_offset: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Begin at this offset.", show_default=False),
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin at the oldest record.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Send up to the log's present end, then end.")
    ] = False,
    wait_setup: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="Wait before the first event, for listeners to connect."
        ),
    ] = 1.0,
    no_heartbeat: Annotated[
        bool,
        typer.Option(
            "--no-heartbeat",
            help="Leave ocd.heartbeat.enquiry unanswered. Without it, those that come from now on "
            "are answered.",
        ),
    ] = False,
    of_now: Annotated[
        bool,
        typer.Option(
            "--of-now",
            help="Give events the time at which they are sent: for a replay to those who ask how "
            "old an event is.",
        ),
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Send the log's events to listeners of ZeroMQ, from now on, until Ctrl+C.

    TCS's events go out as they came, others under OCD's names where OCD has one. In a replay's
    namespace the replay is sent; start this first, and it waits for the replay. Nothing is
    committed.
    """
    require_zeromq()
    if from_offset is not None and from_start:
        raise typer.BadParameter("give --from-offset or --from-start, not both")
    if once and from_offset is None and not from_start:
        raise typer.BadParameter("--once needs --from-start or --from-offset: it waits for nothing")
    lay_over(ctx, {"urls.ocd_main_loop": addresses})
    site = settings(ctx)
    logs.configure(site.logging, "bridge-out", log_file)
    replay = is_replay(site.log.namespace)
    start = from_offset if from_offset is not None else Edge.START if from_start else Edge.END
    answers = not (no_heartbeat or replay)
    wish = Wish(start, Names(names or ()), once, replay, answers, of_now)
    from_settings = site.urls.ocd_db_replay if replay and not addresses else site.urls.ocd_main_loop
    _serve(site, from_settings, wish, wait_setup)


def _serve(site: Settings, addresses: Sequence[str], wish: Wish, wait_setup: float) -> None:
    from infra.bridge.serving import Server  # noqa: PLC0415 pyzmq is an extra
    from infra.bridge.sockets import Speaking  # noqa: PLC0415

    if not addresses:
        raise NoAddress("urls.ocd_db_replay" if wish.replay else "urls.ocd_main_loop", "to serve")
    with signals.stopping() as stop, Speaking(addresses) as speaking:
        stop.wait(wait_setup)
        server = Server(site, speaking, wish, stop)
        typer.echo(
            f"serving {OBSERVATORY.full_name(site.log.namespace)} at {', '.join(addresses)}",
            err=True,
        )
        try:
            server.run()
        finally:
            typer.echo(server.said(), err=True)
        raise typer.Exit(stop.exit_code)
