"""`evctl tail`: a topic as people read it, or as JSON Lines."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from infra import logs, signals
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.log.cluster import connect
from infra.settings import Settings
from infra.signals import Stop
from infra.tailing import json_lines, people
from infra.tailing.errors import RecordsUnreadable, TooManyLast
from infra.tailing.selection import Edge, Selection, select
from infra.tailing.shown import Shown, Unreadable, Wanted
from schemas import catalogue, topics, utc
from schemas.topics import SCHEMAS

EPILOG = examples(
    "evctl tail observatory                     the last ten records",
    "evctl tail observatory -f -n 0             what comes from now on",
    "evctl tail observatory --from 2026-11-20T03:10 -n 100",
    "evctl tail observatory --from-start --key pas.Guider1.metrology_data --json",
)
_LAST = 10
_MOST = 1_000_000  # they are held in memory, to be put in order
_STYLES = {
    "time": "cyan",
    "position": "dim",
    "event": "bold",
    "key": "green",
    "replay": "magenta",
    "error": "bold red",
}


def command(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic of `evctl topic list`.")],
    *,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what is appended, until Ctrl+C.")
    ] = False,
    most: Annotated[
        int | None,
        typer.Option(
            "-n",
            metavar="N",
            min=0,
            max=sys.maxsize,
            help="The last N records (10 unless given); with a --from… option, the first N from "
            "there (all unless given).",
            show_default=False,
        ),
    ] = None,
    from_offset: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Begin at this offset.", show_default=False),
    ] = None,
    from_time: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Only records of this event time or later, such as 2026-11-20T03:10 (UTC), "
            "wherever they are in the topic.",
        ),
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin at the oldest record.")
    ] = False,
    from_end: Annotated[
        bool, typer.Option("--from-end", help="Begin after the newest record; for --follow.")
    ] = False,
    partition: Annotated[
        int | None,
        typer.Option(metavar="P", min=0, help="This partition only.", show_default=False),
    ] = None,
    event: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only events of this name.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only records with exactly this key.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as `evctl publish` takes it.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Show the last records of a topic, or those from a place or time on, and follow it.

    Times are event times, UTC. Records of several partitions come as they are read. A record that
    can't be decoded is shown with the reason; the command then ends with 65.
    """
    given = sum((from_offset is not None, from_time is not None, from_start, from_end))
    if given > 1:
        raise typer.BadParameter("give one of --from-offset, --from, --from-start, --from-end")
    if most is not None and most > _MOST and not given:
        raise TooManyLast(most, _MOST)
    declared = topics.topic(topic)
    if declared is SCHEMAS:
        raise typer.BadParameter("`evctl schema list` shows what is on _schemas")
    since = None if from_time is None else utc.parse(from_time)
    if event is not None and not declared.foreign:
        catalogue.event_class(event)
    edge = Edge.START if from_start else Edge.END if from_end else None
    selection = Selection(
        declared,
        edge if from_offset is None else from_offset,
        partition,
        _LAST if most is None and not given else most,
        Wanted(event, key, since),
        follow,
    )
    site = settings(ctx)
    logs.configure(site.logging, "tail", log_file)
    with signals.stopping() as stop:
        _show(site, selection, _printer(topic, as_json=as_json), stop)


def _show(site: Settings, selection: Selection, show: Callable[[Shown], None], stop: Stop) -> None:
    unreadable = 0
    for batch in select(connect(site), selection, stop):
        for shown in batch:
            show(shown)
            unreadable += isinstance(shown, Unreadable)
        sys.stdout.flush()
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    if unreadable:
        raise RecordsUnreadable(selection.topic.full_name(site.log.namespace), unreadable)


def _printer(topic: str, *, as_json: bool) -> Callable[[Shown], None]:
    if sys.stdout.isatty() and not as_json:
        return _on_terminal()
    write = sys.stdout.write

    def show(shown: Shown) -> None:
        write(json_lines.line(shown, topic) if as_json else people.line(shown))
        write("\n")

    return show


def _on_terminal() -> Callable[[Shown], None]:
    """Return what prints coloured lines, cut to the terminal's width."""
    from rich.console import Console  # noqa: PLC0415 a twentieth of a second, for terminals only
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)

    def show(shown: Shown) -> None:
        parts = [Text(text, _STYLES.get(kind, "")) for kind, text in people.parts(shown)]
        console.print(Text("  ").join(parts), no_wrap=True, overflow="ellipsis")

    return show
