"""`evctl shot`: the list of shots, which of them is next, and one that is run by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from consumers.orchestrator import het
from consumers.orchestrator.scheduling import Proposal, next_shot, prepare, reachable
from infra.cli import shot_abort, shot_plan, shot_run
from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.rebuild import login_name
from infra.cli.shots import FromFile, LeftOut, Standing, choice, constraints_of, visits
from infra.counting import counted
from infra.log.cluster import connect
from infra.orchestrating.visits import visits_done
from infra.present import present
from infra.scheduling import lists
from schemas import utc
from schemas.events.shot_lists import Shot

app = typer.Typer(no_args_is_help=True, help="Load and list shots, plan nights, run a shot.")
app.command("plan", epilog=shot_plan.EPILOG)(shot_plan.command)
app.command("run", epilog=shot_run.EPILOG)(shot_run.command)
app.command("abort", epilog=shot_abort.EPILOG)(shot_abort.command)


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that a negative declination is no option of `evctl shot run`."""
    return ["run", *shot_run.arranged(words[1:])] if words[:1] == ["run"] else list(words)


_TRACKS = ("east", "west", "either")
_HEADINGS = ("SHOT", "RA/h", "DEC/deg", "TRACK", "PRIORITY", "VISITS", "DONE", "AZIMUTH/deg")


@app.command(
    "list",
    epilog=examples("evctl shot list", "evctl shot list --file autoschedule.dat --json"),
)
def list_(
    ctx: typer.Context,
    file: FromFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the shots that are to be observed, and at which azimuths.

    They are those that were last put on the log with `evctl shot load`, or of a file. DONE is how
    many of the VISITS the log has.
    """
    chosen = choice(settings(ctx), file)
    if as_json:
        for shot in chosen.shots:
            typer.echo(orjson.dumps(_fields(shot, chosen.visits)))
        return
    rows = [_HEADINGS, *(_row(shot, chosen.visits) for shot in chosen.shots)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(map(str.ljust, row, widths)).rstrip())
    typer.echo(f"{len(chosen.shots):,} shots of {chosen.name}, digest {chosen.digest}", err=True)


def _fields(shot: Shot, visits: Mapping[str, int] | None) -> Mapping[str, Any]:
    fields = ("shotid", "ra", "dec", "track", "priority", "n_obs", "forced_az")
    return {
        **{name: getattr(shot, name) for name in fields},
        "metadata": dict(shot.metadata),
        "done": None if visits is None else visits.get(shot.shotid, 0),
    }


def _row(shot: Shot, visits: Mapping[str, int] | None) -> tuple[str, ...]:
    return (
        shot.shotid,
        f"{shot.ra:.6f}",
        f"{shot.dec:.6f}",
        _TRACKS[shot.track] if shot.track in range(3) else str(shot.track),
        str(shot.priority),
        str(shot.n_obs),
        "-" if visits is None else str(visits.get(shot.shotid, 0)),
        _azimuths(shot),
    )


def _azimuths(shot: Shot) -> str:
    if shot.forced_az is not None:
        return f"{shot.forced_az:.2f} forced"
    best = [float(side) for side in het.best_azimuths(shot.dec)]
    sides = [a for track, a in enumerate(best) if shot.track in {track, 2}]
    if float(het.windows(shot.dec, best[0]).half) < 0:
        return "never in reach"
    return " or ".join(f"{azimuth:.2f}" for azimuth in dict.fromkeys(sides))


@app.command(
    epilog=examples(
        "evctl shot next",
        "evctl shot next 2019-03-07T06:30:00 --azimuth 68.4",
        "evctl shot next --file autoschedule.dat --done DEX00001 --json",
    )
)
def next(  # noqa: A001 (the command's name)
    ctx: typer.Context,
    time: Annotated[
        str | None,
        typer.Argument(
            metavar="[TIME]",
            help="When its set-up is to begin (UTC); now, if none is given.",
            show_default=False,
        ),
    ] = None,
    *,
    azimuth: Standing = None,
    done: LeftOut = None,
    file: FromFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show which shot the built-in scheduler would take next, and by which rules.

    The constraints are those of the settings (`orchestrator`), visits those that the log has now.
    Nothing is run and nothing recorded. Where no shot can be run, it says which rule is in the way;
    that is no failure.
    """
    site = settings(ctx)
    chosen = choice(site, file)
    instant = present(site).time if time is None else utc.parse(time)
    candidates = prepare(chosen.shots, chosen.digest)
    found = next_shot(candidates, instant, visits(done, chosen), azimuth, constraints_of(site))
    if as_json:
        typer.echo(orjson.dumps(_said(found, chosen.digest)))
        return
    for name, value in _lines(found):
        typer.echo(f"{name:<9}  {value}")


def _said(found: Proposal, digest: str) -> Mapping[str, Any]:
    there = found.shot is not None
    return {
        "time": utc.iso(found.time),
        "list": digest,
        "shot": found.shot.shotid if found.shot else None,
        "track": found.track or None,
        "azimuth": found.azimuth if there else None,
        "opens": utc.iso(found.opens) if there else None,
        "closes": utc.iso(found.closes) if there else None,
        "remaining_s": found.remaining_s if there else None,
        "terms": dict(found.terms),
        "rule": found.rule,
        "reason": found.reason,
        "removed": {str(rule): count for rule, count in found.removed.items()},
    }


def _lines(found: Proposal) -> Sequence[tuple[str, str]]:
    lines = [("time", utc.iso(found.time)), ("shot", found.shot.shotid if found.shot else "none")]
    lines.append(("why", found.reason if found.rule is None else f"{found.rule}: {found.reason}"))
    if found.shot is not None:
        lines.append(("track", f"{found.track}, azimuth {found.azimuth:.4f} deg"))
        lines.append(("window", f"{utc.iso(found.opens)} to {utc.iso(found.closes)}"))
    if found.removed:
        counted = ", ".join(f"{count:,} by {rule}" for rule, count in found.removed.items())
        lines.append(("removed", counted))
    return lines


@app.command(
    epilog=examples("evctl shot load autoschedule.dat", "evctl shot load --visits-left tonight.dat")
)
def load(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A shot file in OCD's columns.")],
    *,
    who: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who loads it.", show_default="the login name"),
    ] = None,
    visits_left: Annotated[
        bool,
        typer.Option(
            "--visits-left",
            help="n_obs is how many visits are left now: those of before do not count any more.",
        ),
    ] = False,
) -> None:
    """Put a list of shots on the log; it holds for all from then on, in place of the one before.

    All lines of the file have to be right, or none of it is taken. Visits made under earlier lists
    count, if a shot keeps its id, back to the last list that was loaded with --visits-left.
    """
    name = (who or login_name()).strip()
    if not 0 < len(name) <= lists.MOST_WHO:
        raise typer.BadParameter(f"--who takes 1 to {lists.MOST_WHO} characters")
    cluster = connect(settings(ctx))
    loaded = lists.load(cluster, file, name, visits_left=visits_left)
    said = counted(len(loaded.shots), "shot")
    typer.echo(f"{loaded.name}: {said} loaded, digest {loaded.digest}")
    _tell_done(loaded.shots, visits_done(cluster))


def _tell_done(shots: Sequence[Shot], visits: Mapping[str, int]) -> None:
    """Say which visits count already: a file that has what is left was loaded in the wrong way."""
    number = sum(visits.get(shot.shotid, 0) for shot in shots)
    if number:
        typer.echo(
            f"{counted(number, 'visit')} of these shots {'is' if number == 1 else 'are'} done and "
            "counted; if the file has what is left of them, load it with --visits-left",
            err=True,
        )


@app.command(epilog=examples("evctl shot check autoschedule.dat"))
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A shot file in OCD's columns.")],
) -> None:
    """Say everything that is wrong with a shot file, and what it holds.

    Shots that the telescope can never follow are named: they are no error, but never come up.
    """
    shots = lists.read(file)
    tracks = [sum(shot.track == track for shot in shots) for track in range(3)]
    typer.echo(
        f"{file}: {len(shots):,} shots ({tracks[0]:,} east, {tracks[1]:,} west, {tracks[2]:,} "
        f"either), {sum(shot.n_obs for shot in shots):,} visits"
    )
    for shot in _unreachable(shots):
        typer.echo(f"{shot.shotid}: never within reach of the tracker")


def _unreachable(shots: Sequence[Shot]) -> Sequence[Shot]:
    there = reachable(prepare(shots))
    return [shot for shot, follows in zip(shots, there, strict=True) if not follows]
