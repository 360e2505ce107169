"""`evctl why`: why a shot was chosen, or why none was at a time."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import orjson
import typer

from consumers.orchestrator.judging import differences
from infra.cli.context import settings
from infra.cli.options import examples
from infra.log.cluster import connect
from infra.orchestrating.decisions import Decisions
from infra.tailing.json_lines import event_fields
from schemas import utc
from schemas.events.orchestrator import Conditions, ShotChosen, ShotWithheld
from schemas.record import AnyRecord

EPILOG = examples(
    "evctl why DEX00005",
    "evctl why 2026-11-20T03:10",
    "evctl --namespace sim.2019-03-07 why 2019-03-07T04:00 --json",
)
DIFFERS = 1
_LIKE_A_TIME = re.compile(
    r"|\d{4}[-/.]\d\d?[-/.]\d\d?([T ].*|_\d\d?:.*)?|\d{8}T\d.*|\d{1,2}:\d.*|"
    r"(m?jd|unix)\s*[-\d].*|-?\d+\.\d*",
    re.ASCII | re.IGNORECASE,
)
"""Nothing; a date, alone or with what stands for a time behind it; a time alone; a day's number."""


def command(
    ctx: typer.Context,
    about: Annotated[
        str,
        typer.Argument(metavar="SHOT|TIME", help="A shot's id, or a time (UTC without an offset)."),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say why the orchestrator chose a shot, or why it chose none at a time.

    All comes from the record of the decision. It is judged once more from what it rested on; if
    anything comes out otherwise that is shown, and the exit code is 1.
    """
    time = _time(about)
    decisions = Decisions(connect(settings(ctx), start=False))
    record = decisions.of_shot(about) if time is None else decisions.at(time)
    loaded = decisions.shots_of(record.event)
    found = differences(record.event, loaded)
    if as_json:
        typer.echo(orjson.dumps(_as_json(record, found)))
    else:
        for line in _lines(record, found, listed=loaded is not None):
            typer.echo(line)
    if found:
        raise typer.Exit(DIFFERS)


def _time(text: str) -> int | None:
    """Return a time; None for a shot's id. Raise `NotATime` for what looks like a time only."""
    try:
        return utc.parse(text)
    except utc.NotATime:
        if _LIKE_A_TIME.fullmatch(text.strip()):
            raise
        return None


def _as_json(record: AnyRecord, found: Sequence[str]) -> dict[str, Any]:
    event = record.event
    return {
        "decision": type(event).__name__,
        "position": str(record.position),
        **event_fields(event),
        "differences": list(found),
    }


def _lines(record: AnyRecord, found: Sequence[str], *, listed: bool) -> Iterator[str]:
    decision: ShotChosen | ShotWithheld = record.event
    yield _headline(record)
    yield ""
    yield "It knew:"
    yield from (f"  {line}" for line in _knew(decision.conditions))
    yield ""
    yield "Rules:"
    for verdict in decision.verdicts:
        yield f"  {'kept' if verdict.passed else 'NOT KEPT':8}  {verdict.rule}: {verdict.said}"
    yield ""
    topic, partition, _ = record.position
    causes = sorted(decision.causes.items(), key=lambda cause: -cause[1])
    yield f"It rests on these records of {topic}[{partition}]:"
    yield f"  {', '.join(f'{name} @{offset}' for name, offset in causes)}"
    if decision.shot_list:
        yield f"  list of shots {decision.shot_list}{'' if listed else ', which the log has not'}"
    yield ""
    if found:
        yield "Judged once more from the record, this comes out otherwise:"
        yield from (f"  {difference}" for difference in found)
    else:
        yield "Judged once more from the record: the same."


def _headline(record: AnyRecord) -> str:
    decision: ShotChosen | ShotWithheld = record.event
    when = f"At {utc.iso(decision.time)} ({record.position}) "
    would = "would have chosen" if decision.would_have else "chose"
    if isinstance(decision, ShotWithheld):
        was = "would have been" if decision.would_have else "was"
        return f"{when}no shot {was} chosen: {decision.reason}"
    side = ("east", "west")[decision.track]
    return (
        f"{when}the {decision.scheduler} scheduler {would} {decision.shotid}, in the {side} at "
        f"azimuth {decision.azimuth:.2f} deg."
    )


def _knew(known: Conditions) -> Iterator[str]:
    def value(found: float | None, unit: str) -> str:
        return "not known" if found is None else f"{found:.2f} {unit}".rstrip()

    if known.now != known.time:
        yield f"now, mocked: {utc.iso(known.now)}"
    yield f"seeing: {value(known.seeing, 'arcsec')}"
    yield f"transparency: {value(known.transparency, '')}"
    yield f"sky brightness: {value(known.sky_brightness, 'mag/arcsec2')}"
    newest = "none" if known.newest is None else utc.iso(known.newest)
    yield f"measurements: {known.measurements}, the newest of {newest}"
    yield f"azimuth of the structure: {value(known.azimuth, 'deg')}"
    heartbeat = "never" if known.heartbeat is None else utc.iso(known.heartbeat)
    yield f"last heartbeat of TCS: {heartbeat}"
    yield f"states: {', '.join(f'{name} {state}' for name, state in known.states.items())}"
