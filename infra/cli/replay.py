"""`evctl replay`: a part of the log, or a recording, plays again, where it does no harm."""

import sys
from collections.abc import Sequence
from typing import Annotated

import orjson
import typer

from infra.cli.addresses import say_unneeded
from infra.cli.context import settings
from infra.cli.deciding import DISAGREE, Decided, Deciding, SettingsOf
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.replay_pace import (
    Id,
    Loop,
    Paused,
    RequireLateness,
    SkipGaps,
    Speed,
    Timeout,
    Unneeded,
    WaitFor,
)
from infra.cli.replay_services import AllowDifferences, ClosedLoop, InForce, Patience, Services
from infra.cli.replay_window import (
    AllowHoles,
    BooleansAsText,
    Duration,
    End,
    EndEvent,
    Everything,
    Exclude,
    Files,
    First,
    Last,
    Nights,
    NumbersAsText,
    Order,
    Renamed,
    Start,
    StartEvent,
    State,
    Topics,
)
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

EPILOG = examples(
    "evctl replay --night 2026-11-20                 as it was, in real time",
    "evctl replay night.db -s 10 -T 'tcs.root.*' pas.Guider1.metrology_data",
    "evctl replay --night 2026-11-20 --speed 10 --id rehearsal --wait-for projections",
    "evctl replay --night 2026-11-20 --night 2026-11-21 --speed max",
    "evctl replay --all --from 2026-11-20T03:00 --duration 10m --skip-gaps 60",
    "evctl replay --night 2026-11-20 --from-event 'ocd.run_shot.run shotid=0042' --paused",
    "evctl replay --night 2026-11-20 --speed max --id anew --services",
    "evctl replay ctl -h                             pause, seek … from another terminal",
    "evctl replay list                               what replays have left; remove ID",
)
_SEVERAL = ("-T", "--topics", "--exclude", "--ocd-db-replay")


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words with the option in front of each of several values that follow it."""
    return each_with_its_option(words, _SEVERAL)


def command(
    ctx: typer.Context,
    files: Files = None,
    *,
    nights: Nights = None,
    start: Start = None,
    end: End = None,
    start_event: StartEvent = None,
    end_event: EndEvent = None,
    first: First = None,
    last: Last = None,
    everything: Everything = False,
    duration: Duration = None,
    speed: Speed = "1",
    paused: Paused = False,
    loop: Loop = False,
    skip_gaps: SkipGaps = None,
    topics: Topics = None,
    exclude: Exclude = None,
    remap: Renamed = None,
    sort_by: Order = None,
    no_convert_number: NumbersAsText = False,
    no_convert_bool: BooleansAsText = False,
    wait_for: WaitFor = None,
    timeout: Timeout = 10.0,
    allow_holes: AllowHoles = False,
    require_lateness: RequireLateness = None,
    replay_id: Id = None,
    state: State = None,
    services: Services = False,
    closed_loop: ClosedLoop = False,
    settings_of: InForce = SettingsOf.RECORDED,
    patience: Patience = PATIENCE_S,
    allow: AllowDifferences = False,
    ocd_db_replay: Unneeded = None,
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
