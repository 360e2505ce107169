"""`evctl replay`: a part of the log plays again, where it does no harm."""

from typing import Annotated

import orjson
import typer

from infra.cli.context import settings
from infra.cli.deciding import DISAGREE, Deciding, SettingsOf
from infra.cli.options import LogFile, examples
from infra.log.cluster import connect
from infra.logs import configure
from infra.replay.awaiting import PATIENCE_S
from infra.replay.namespace import fresh_replay_id
from infra.replay.pacing import parse_speed
from infra.replay.player import Player
from infra.replay.progress import shown
from infra.replay.request import Request
from infra.replay.selection import Selection
from infra.signals import stopping
from schemas import utc
from schemas.topics import OBSERVATORY, RECORDED

EPILOG = examples(
    "evctl replay --night 2026-11-20                 as it was, in real time",
    "evctl replay --night 2026-11-20 --speed 10 --id rehearsal",
    "evctl replay --night 2026-11-20 --night 2026-11-21 --speed max",
    "evctl replay --from 2026-11-20T03:00 --until 2026-11-20T03:10",
    "evctl replay --all --speed max --json",
    "evctl replay --night 2026-11-20 --speed max --id anew --services",
)


def command(
    ctx: typer.Context,
    *,
    nights: Annotated[
        list[str] | None,
        typer.Option(
            "--night",
            metavar="DATE",
            help="The date that names a night; may be given again: nights are played in turn.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="Event time to begin at, such as 2026-11-20T03:00 (UTC)."
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Event time to end before (UTC).")
    ] = None,
    first: Annotated[
        int | None,
        typer.Option(
            "--from-offset", metavar="N", min=0, help=f"Offset of {OBSERVATORY.name} to begin at."
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--until-offset", metavar="N", min=0, help="Offset to end before."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that was recorded.")
    ] = False,
    speed: Annotated[
        str, typer.Option(metavar="FACTOR|max", help="1 is real time, 10 is ten times as fast.")
    ] = "1",
    topics: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this topic; may be given again.",
            show_default=", ".join(topic.name for topic in RECORDED),
        ),
    ] = None,
    replay_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="Name of the replay.", show_default="made from the time"
        ),
    ] = None,
    services: Annotated[
        bool,
        typer.Option(
            "--services",
            help="Leave decisions out: services that run in the replay's namespace decide anew, "
            "and are compared.",
        ),
    ] = False,
    settings_of: Annotated[
        SettingsOf,
        typer.Option(
            "--settings",
            help="With --services: they decide by the settings in force then, or by the site's.",
        ),
    ] = SettingsOf.RECORDED,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="With --services: how long services that stand still, or have not come, are "
            "waited for at the end.",
        ),
    ] = PATIENCE_S,
    allow: Annotated[
        bool,
        typer.Option("--allow-differences", help="End with 0 though services decided otherwise."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the final report as one JSON object.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Play a part of the log again, in the order and at the pace in which it happened.

    Give one window: nights, times, offsets, or all. Its records go byte for byte to topics of the
    replay's own, such as replay.ID.observatory, so that nothing that reads the log live sees them.
    With --services it carries what was reported and waits at its end for the services there, then
    compares their decisions with the recorded ones, and ends with 1 if they differ.
    Ctrl+C ends it after the record in hand, with exit code 130.
    """
    factor = parse_speed(speed)
    selection = Selection(
        nights=nights or (),
        start=None if start is None else utc.parse(start),
        end=None if end is None else utc.parse(end),
        first=first,
        last=last,
        everything=everything,
        topics=topics or (),
    )
    site = settings(ctx)
    configure(site.logging, "replay", log_file)
    cluster = connect(site)
    windows, there = selection.windows(cluster, site)
    request = Request(windows, factor, replay_id or fresh_replay_id(), there)
    with stopping() as stop:
        deciding = Deciding(cluster, site, settings_of, request) if services else None
        request = deciding.request if deciding is not None else request
        player = Player(cluster, request, stop)
        with shown(player.course, request):
            report = player.run()
        decided = (
            deciding.decided(stop, patience) if deciding is not None and report.complete else None
        )
    if as_json:
        more = {} if decided is None else {"decisions": decided.as_json()}
        typer.echo(orjson.dumps(report.as_json() | more))
    else:
        typer.echo(report.sentence())
        for line in () if decided is None else decided.lines():
            typer.echo(line)
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    if decided is not None and not decided.agrees and not allow:
        raise typer.Exit(DISAGREE)
