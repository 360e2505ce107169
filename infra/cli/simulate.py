"""`evctl simulate`: a telescope that is not there has a night, and the orchestrator runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer

from infra.cli.context import invocation, settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.reminding import Reminder
from infra.counting import counted
from infra.database import connect as connect_database
from infra.indexing import nights_of
from infra.log.cluster import connect
from infra.logs import configure
from infra.replay.pacing import parse_speed
from infra.scheduling import lists
from infra.settings import Settings
from infra.signals import stopping
from infra.simulating.companion import Companion
from infra.simulating.images import Images
from infra.simulating.numbering import StoredNumbers
from infra.simulating.place import place
from infra.simulating.running import Simulation
from producers.telescope import sky
from producers.telescope.answering import Numbers
from producers.telescope.atmosphere import Weather
from producers.telescope.faults import parse_faults
from producers.telescope.scenario import Scenario
from schemas.events.shot_lists import Shot
from schemas.utc import MICROS

EPILOG = examples(
    "evctl simulate 2019-03-07 --shots shots.txt --with-orchestrator",
    "evctl simulate 2019-03-07 --shots shots.txt --speed 600    and, in another terminal:",
    "evctl --namespace sim.2019-03-07 run orchestrator",
    "evctl simulate 2019-03-07 --shots shots.txt --with-orchestrator --fits fits",
    "evctl simulate 2019-03-07 --id cloudy --weather season --seed 4 --with-orchestrator",
    "evctl simulate 2019-03-07 --id rough --fault setup:0.1 --fault silent:03:10+120s --open-loop",
)
_HOUR = 3600 * MICROS


def command(
    ctx: typer.Context,
    night: Annotated[str, typer.Argument(metavar="NIGHT", help="The date that names the night.")],
    *,
    shots: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Put the shots of this file, in OCD's columns, on the log first."
        ),
    ] = None,
    speed: Annotated[
        str,
        typer.Option(
            "-s", "--speed", metavar="N|max", help="How much faster than real time, at most."
        ),
    ] = "max",
    hours: Annotated[
        float | None,
        typer.Option(
            metavar="H",
            min=0.01,
            max=24,
            help="How long from dusk on (sun 18 degrees below the horizon); without it, to dawn.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed is another night.")] = 1,
    weather: Annotated[
        Weather,
        typer.Option(help="Without clouds, or with as many as the month has at HET."),
    ] = Weather.CLEAR,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="FAULT",
            help="May be given again. setup:CHANCE or exposure:CHANCE, for each of them to fail; "
            "silent:HH:MM+SPAN, guider: or clouds: TCS or the guiders say nothing, or clouds come, "
            "from a time (UTC) on for 120s, 5m, 1h.",
        ),
    ] = None,
    allow: Annotated[
        bool,
        typer.Option("--allow/--no-allow", help="Allow shots when the night begins."),
    ] = True,
    identity: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="ID",
            help="What the simulation is called; its namespace is sim.ID.",
            show_default="NIGHT",
        ),
    ] = None,
    numbers: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Take observation numbers from this database, one to throw away; without it, the "
            "telescope counts from 1 on each date.",
            show_default=False,
        ),
    ] = None,
    fits: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write small FITS files of each exposure below DIR, as the worker shots has them.",
            show_default=False,
        ),
    ] = None,
    with_orchestrator: Annotated[
        bool,
        typer.Option(
            "--with-orchestrator", help="Start `evctl run orchestrator` there, and end it."
        ),
    ] = False,
    open_loop: Annotated[
        bool,
        typer.Option("--open-loop", help="Wait for no orchestrator, and carry out no shot."),
    ] = False,
    patience: Annotated[
        float,
        typer.Option(
            "-t",
            "--timeout",
            metavar="S",
            min=0.1,
            help="So long an answer may take; then it is said how to start an orchestrator.",
        ),
    ] = 10.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as one JSON object.")
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Let a simulated telescope have a night, in lock-step with the orchestrator.

    The telescope sends heartbeats, pointing, the guiders' measurements, the weather and ticks, runs
    the shots that the orchestrator chooses and numbers them, all at simulated times. The same words
    give the same night, down to each decision; after a kill they go on where it was.
    """
    site = settings(ctx)
    configure(site.logging, "simulate", log_file)
    factor, broken = parse_speed(speed), parse_faults(faults or ())
    if open_loop and with_orchestrator:
        raise typer.BadParameter("an open loop waits for no orchestrator: leave one of them out")
    if open_loop and fits is not None:
        raise typer.BadParameter("an open loop has no exposure to write: leave out --fits")
    start, end = _span(site, night, hours)
    listed: tuple[Shot, ...] = () if shots is None else tuple(lists.read(shots))
    name = "" if shots is None else shots.name
    scenario = Scenario(
        seed, start, end, weather=weather, faults=broken, shots=listed, name=name, allowed=allow
    )
    namespace = place(site.log.namespace, identity or night)
    store = _numbers(site, namespace, numbers)
    called = f"{namespace.removesuffix('.')} {scenario.digest}"
    images = None if fits is None else Images(fits, seed, called)
    cluster = connect(site).in_namespace(namespace)
    with stopping() as stop, _companion(ctx, namespace, with_orchestrator) as companion:
        watch = companion.check if companion else Reminder(namespace, patience)
        with progress("simulated s", (end - start) // MICROS) as advance:
            simulation = Simulation(
                cluster,
                scenario,
                stop,
                speed=factor,
                closed=not open_loop,
                numbers=store,
                images=images,
                watch=watch,
                advance=advance,
            )
            report = simulation.run()
        if companion is not None:
            companion.over = report.complete
        typer.echo(orjson.dumps(report.as_json()) if as_json else "\n".join(report.lines()))
        if images is not None:
            exposures = counted(images.exposures, "exposure")
            typer.echo(f"FITS files of {exposures} are in {fits}", err=True)
        raise typer.Exit(stop.exit_code)


def _span(site: Settings, night: str, hours: float | None) -> tuple[int, int]:
    """Return from when to when the night is simulated, µs UTC; raise `NotANight`."""
    dusk, dawn = sky.darkness(nights_of(site).bounds(night)[0])
    return dusk, dawn if hours is None else dusk + round(hours * _HOUR)


def _numbers(site: Settings, namespace: str, url: str | None) -> Numbers | None:
    if url is None:
        return None
    return StoredNumbers(connect_database(url), namespace, site.mysql.instrument)


@contextmanager
def _companion(ctx: typer.Context, namespace: str, wanted: bool) -> Iterator[Companion | None]:
    """Give an orchestrator that runs beside, if one is wanted, and end it."""
    if not wanted:
        yield None
        return
    run = invocation(ctx)
    given = (("--site-file", run.site_file), ("--config", run.overlay))
    options = [word for name, path in given if path is not None for word in (name, str(path))]
    companion = Companion(options, namespace)
    try:
        yield companion
    finally:
        companion.end()
