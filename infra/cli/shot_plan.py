"""`evctl shot plan`: the shots of a night one after the other, as a list and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from consumers.orchestrator.scheduling import Constraints, Planned, plan_night, prepare
from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.shots import FromFile, LeftOut, Standing, choice, constraints_of, visits
from infra.indexing import nights_of
from infra.scheduling.picture import draw, require_matplotlib
from schemas import utc

EPILOG = examples(
    "evctl shot plan 2019-03-07",
    "evctl shot plan 2019-03-07 --file autoschedule.dat --out night.svg",
)
_PICTURES = (".png", ".svg")
_HEADINGS = ("BEGINS", "ENDS", "SHOT", "PRIORITY", "TRACK", "AZIMUTH/deg", "TURN/deg", "LEFT/min")


def command(
    ctx: typer.Context,
    night: Annotated[
        str, typer.Argument(metavar="NIGHT", help="The night's date, such as 2019-03-07.")
    ],
    *,
    azimuth: Standing = None,
    done: LeftOut = None,
    file: FromFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw it too: a file that ends in .png or .svg.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show which shots the built-in scheduler would run in a night if the weather held.

    Each shot is the one that `evctl shot next` shows at that moment. LEFT is what remained of its
    window when its set-up began, TURN how far the structure was turned for it.
    """
    if out is not None and out.suffix.lower() not in _PICTURES:
        raise typer.BadParameter(f"--out takes a file that ends in {' or '.join(_PICTURES)}")
    if out is not None:
        require_matplotlib()
    site = settings(ctx)
    bounds = nights_of(site).bounds(night)
    chosen, constraints = choice(site, file), constraints_of(site)
    candidates = prepare(chosen.shots, chosen.digest)
    plan = plan_night(candidates, *bounds, constraints, visits(done, chosen), azimuth)
    if as_json:
        typer.echo(orjson.dumps(_said(night, chosen.digest, plan, constraints)))
    else:
        for line in _lines(night, plan, constraints):
            typer.echo(line)
    if out is not None:
        draw(out, night, bounds, candidates, plan, constraints)
        typer.echo(f"drawn: {out}", err=True)


def _said(
    night: str, digest: str, plan: Sequence[Planned], constraints: Constraints
) -> Mapping[str, Any]:
    return {
        "night": night,
        "list": digest,
        "open_shutter_s": len(plan) * constraints.exposures_s,
        "shots": [
            {
                "begins": utc.iso(proposal.time),
                "ends": utc.iso(ends),
                "shot": proposal.shot.shotid if proposal.shot else None,
                "track": proposal.track,
                "azimuth": proposal.azimuth,
                "opens": utc.iso(proposal.opens),
                "closes": utc.iso(proposal.closes),
                "remaining_s": proposal.remaining_s,
                "terms": dict(proposal.terms),
            }
            for proposal, ends in plan
        ],
    }


def _lines(night: str, plan: Sequence[Planned], constraints: Constraints) -> Sequence[str]:
    hours, minutes = divmod(round(len(plan) * constraints.exposures_s / 60), 60)
    shots = f"{len(plan)} shot{'s' * (len(plan) != 1)}"
    total = f"{night}: {shots}, {hours} h {minutes:02} min of open shutter"
    if not plan:
        return [total]
    rows = [_HEADINGS, *map(_row, plan)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [*("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows), total]


def _row(planned: Planned) -> tuple[str, ...]:
    proposal = planned.proposal
    return (
        _clock(proposal.time),
        _clock(planned.ends),
        proposal.shot.shotid if proposal.shot else "",
        f"{proposal.terms['priority']:g}",
        proposal.track,
        f"{proposal.azimuth:.2f}",
        f"{proposal.terms['turn_deg']:.1f}",
        f"{proposal.remaining_s / 60:.1f}",
    )


def _clock(time: int) -> str:
    return utc.iso(time)[11:19]
