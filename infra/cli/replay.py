"""`evctl replay`: a part of the log, or a recording, plays again, where it does no harm."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from infra.cli.addresses import say_unneeded
from infra.cli.context import settings
from infra.cli.deciding import DISAGREE, Decided, Deciding, SettingsOf
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.words import each_with_its_option
from infra.log.cluster import Cluster, connect
from infra.logs import configure
from infra.replay.awaiting import PATIENCE_S
from infra.replay.choosing import Choice
from infra.replay.keys import HELP, terminal
from infra.replay.limit import LatenessLimit
from infra.replay.namespace import fresh_replay_id
from infra.replay.pacing import parse_speed
from infra.replay.player import Player
from infra.replay.preparing import Preparing, Wish
from infra.replay.progress import shown
from infra.replay.recording import SortBy
from infra.replay.remapping import Remap
from infra.replay.report import Report
from infra.replay.request import Request
from infra.replay.selection import Selection
from infra.replay.spans import parse_span
from infra.signals import Stop, stopping
from producers.formats import open_recording
from schemas import utc
from schemas.topics import OBSERVATORY, RECORDED

EPILOG = examples(
    "evctl replay --night 2026-11-20                 as it was, in real time",
    "evctl replay night.db -s 10 -T 'tcs.root.*' pas.Guider1.metrology_data",
    "evctl replay --night 2026-11-20 --speed 10 --id rehearsal --wait-for projections",
    "evctl replay --night 2026-11-20 --night 2026-11-21 --speed max",
    "evctl replay --all --from 2026-11-20T03:00 --duration 10m --skip-gaps 60",
    "evctl replay --night 2026-11-20 --from-event 'ocd.run_shot.run shotid=0042' --paused",
    "evctl replay --night 2026-11-20 --speed max --id anew --services",
    "evctl replay ctl -h                             pause, seek … from another terminal",
)
_SEVERAL = ("-T", "--topics", "--exclude", "--ocd-db-replay")


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words with the option in front of each of several values that follow it."""
    return each_with_its_option(words, _SEVERAL)


def command(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Recordings to play as they are, in turn, without importing them: what `evctl "
            "import` reads.",
            show_default=False,
        ),
    ] = None,
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
    start_event: Annotated[
        str | None,
        typer.Option(
            "--from-event",
            metavar="EVENT",
            help="Begin with the first event of this name or key, and of these values: 'NAME "
            "FIELD=VALUE…', such as 'ocd.run_shot.run shotid=0042 obs_number=3'.",
        ),
    ] = None,
    end_event: Annotated[
        str | None,
        typer.Option("--until-event", metavar="EVENT", help="End before the first such event."),
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
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="So much event time of each night or FILE: seconds, 90s, 1h30m."
        ),
    ] = None,
    speed: Annotated[
        str,
        typer.Option(
            "-s",
            "--speed",
            "--speedup",
            metavar="FACTOR|max",
            help="1 is real time, 10 is ten times as fast.",
        ),
    ] = "1",
    paused: Annotated[
        bool, typer.Option("--paused", help="Begin paused, in front of the first record.")
    ] = False,
    loop: Annotated[
        bool,
        typer.Option("--loop", "--serve-forever", help="Begin anew after the end, until Ctrl+C."),
    ] = False,
    skip_gaps: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="Wait through a gap as if it had this length at most."),
    ] = None,
    topics: Annotated[
        list[str] | None,
        typer.Option(
            "-T",
            "--topics",
            metavar="PATTERN…",
            help="Only these: names or globs of events (system.source.key) or Kafka topics, or "
            "regular expressions behind re:.",
            show_default=", ".join(topic.name for topic in RECORDED),
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN…", help="Without these.")
    ] = None,
    remap: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Another name for TCS events of a name, or for a Kafka topic; may be given again.",
        ),
    ] = None,
    sort_by: Annotated[
        str | None,
        typer.Option(
            "-S",
            "--sort-by",
            metavar="none|data-time|wire-time",
            help="Order of the events; none is the file's own, or the log's.",
            show_default="wire-time for a FILE, none for the log",
        ),
    ] = None,
    no_convert_number: Annotated[
        bool,
        typer.Option("--no-convert-number", help="Leave text of a FILE that is a number as text."),
    ] = False,
    no_convert_bool: Annotated[
        bool,
        typer.Option("--no-convert-bool", help="Leave the texts true and false of a FILE as text."),
    ] = False,
    wait_for: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Begin when this listens: what `evctl run` has, such as projections, in the "
            "replay's namespace, or a consumer group; may be given again.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            "-t", "--timeout", metavar="S", min=0, help="Wait so many seconds for it, then abort."
        ),
    ] = 10.0,
    allow_holes: Annotated[
        bool,
        typer.Option("--allow-holes", help="Play what the log still has of the window."),
    ] = False,
    require_lateness: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="End with 1 if the lateness that 99 % of the records kept (p99) is more, as 5ms.",
        ),
    ] = None,
    replay_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="Name of the replay.", show_default="made from the time"
        ),
    ] = None,
    state: Annotated[
        bool | None,
        typer.Option(
            "--state/--no-state",
            help="Send first what holds where it begins: the last known values.",
            show_default="where a seek leads, and for times, offsets and events",
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
    closed_loop: Annotated[
        bool,
        typer.Option(
            "--closed-loop",
            help="With --services: a simulated telescope runs the shots that are chosen anew, and "
            "no heartbeat of TCS is passed before the orchestrator has answered it.",
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
    ocd_db_replay: Annotated[
        list[str] | None,
        typer.Option("--ocd-db-replay", metavar="URL", help="As in OCD; not needed here."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the final report as one JSON object.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Play a part of the log, or a recording, again, in the order and at the pace of its events.

    Give one window: a FILE, nights, offsets, all, or times, which also narrow the others. Its
    records go byte for byte to topics of the replay's own, such as replay.ID.observatory, so that
    nothing that reads the log live sees them. Keys pause, step, seek and change the speed, and
    `evctl replay ctl` does from elsewhere. With --services it carries what was reported and waits
    at its end for the services there, then compares their decisions with the recorded ones, and
    ends with 1 if they differ. Ctrl+C ends it after the record in hand, with exit code 130.
    """
    say_unneeded(ocd_db_replay=ocd_db_replay)
    factor = parse_speed(speed)
    limit = None if require_lateness is None else LatenessLimit.of(require_lateness, factor)
    if (no_convert_number or no_convert_bool) and not files:
        raise typer.BadParameter("--no-convert-… is for a FILE: the log has values, no text")
    if services and (files or sort_by or loop):
        raise typer.BadParameter("--services takes a window of the log, in its own order, once")
    if services and (start_event or end_event or duration):
        raise typer.BadParameter(
            "--services compares decisions about a whole window: cut it by --from and --until"
        )
    if closed_loop and not services:
        raise typer.BadParameter("--closed-loop is for --services: nobody decides without")
    selection = Selection(
        nights=nights or (),
        start=None if start is None else utc.parse(start),
        end=None if end is None else utc.parse(end),
        first=first,
        last=last,
        everything=everything,
        files=len(files or ()),
        choice=Choice(topics or (), exclude or ()),
    )
    recordings = [
        open_recording(
            file, convert_numbers=not no_convert_number, convert_booleans=not no_convert_bool
        )
        for file in files or ()
    ]
    wish = Wish(
        selection,
        recordings,
        None if sort_by is None else SortBy.of(sort_by),
        Remap(remap or ()),
        start_event,
        end_event,
        allow_holes,
    )
    how = Request(
        (),
        factor,
        fresh_replay_id() if replay_id is None else replay_id,
        duration=None if duration is None else parse_span(duration, "--duration"),
        longest_gap=None if skip_gaps is None else parse_span(skip_gaps, "--skip-gaps"),
        loop=loop,
        paused=paused,
        listeners=wait_for or (),
        timeout=timeout,
        state=_with_state(state, selection.is_part or start_event is not None, services),
    )
    site = settings(ctx)
    configure(site.logging, "replay", log_file)
    with stopping() as stop:
        cluster = connect(site)
        preparing = Preparing(cluster, site, stop, progress)
        request = preparing.request(wish, how)
        deciding = None
        if services:
            deciding = Deciding(cluster, site, settings_of, request, closed=closed_loop)
        request = request if deciding is None else deciding.request
        report = _play(preparing, cluster, wish, request, stop)
        decided = None
        if deciding is not None and report.complete:
            decided = deciding.decided(stop, patience)
        _tell(report, decided, as_json=as_json)
        if stop.requested:
            raise typer.Exit(stop.exit_code)
    if limit is not None:
        limit.check(report)
    if decided is not None and not decided.agrees and not allow:
        raise typer.Exit(DISAGREE)


def _with_state(asked: bool | None, is_part: bool, services: bool) -> bool | None:
    """Return when what holds is sent first; services that are invited know it without."""
    if asked is None and services:
        return False
    return True if asked is None and is_part else asked


def _play(
    preparing: Preparing, cluster: Cluster, wish: Wish, request: Request, stop: Stop
) -> Report:
    for note in preparing.notes(wish, request):
        typer.echo(f"evctl: note: {note}", err=True)
    with terminal() as keys:
        player = Player(cluster, request, stop, keys)
        ends = preparing.ends(request) if sys.stderr.isatty() else ()
        with shown(player.course, ends, HELP if keys else ""):
            report = player.run()
    for pattern in wish.selection.choice.unmet():
        typer.echo(f"evctl: note: nothing fitted {pattern}", err=True)
    return report


def _tell(report: Report, decided: Decided | None, *, as_json: bool) -> None:
    if as_json:
        more = {} if decided is None else {"decisions": decided.as_json()}
        typer.echo(orjson.dumps(report.as_json() | more))
        return
    typer.echo(report.sentence())
    for line in () if decided is None else decided.lines():
        typer.echo(line)
