"""`evctl reprocess`: a night gone through again by today's code, into a file of its own."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

import consumers
from consumers import Service
from infra.cli.context import settings
from infra.cli.deciding import DISAGREE, SettingsOf, present_settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.viewing import chosen_views, patience
from infra.database.seats import SeatStore
from infra.indexing import night_index, open_database
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.projecting.judging import Verifying
from infra.quarantine.fates import Fates
from infra.replay.awaiting import came
from infra.replay.comparing import deciders as deciders_in
from infra.replay.holes import require_whole
from infra.reprocessing.against_live import AgainstLive
from infra.reprocessing.outcome import Outcome
from infra.reprocessing.part import part_of
from infra.reprocessing.running import Reprocessing, Stopped, Wish
from infra.reprocessing.tables import new_file
from infra.sealing.shelf import Shelf
from infra.serving import roles
from infra.serving.shelved import Shelved
from infra.serving.taking_over import settings_digest
from infra.settings import Settings
from infra.signals import Stop, stopping
from infra.windows import Window
from schemas.errors import EvctlError

EPILOG = examples(
    "evctl reprocess 2026-11-20 --to again.sqlite",
    "evctl reprocess 2026-11-20 2026-11-21 --to both.sqlite --json",
    "evctl reprocess 2026-11-20 --to stricter.sqlite --settings present",
    "evctl reprocess --from 2026-11-20T03:00 --until 2026-11-20T04:00 --to hour.sqlite",
    "evctl reprocess all --to all.sqlite --no-services",
)


class NotAService(EvctlError):
    """No service has this name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        known = ", ".join(sorted(consumers.services()))
        super().__init__(f"There is no service {name!r} that decides; known: {known}.")
        self.name = name


def command(
    ctx: typer.Context,
    nights: Annotated[
        list[str] | None,
        typer.Argument(metavar="NIGHT", help="Nights' dates, such as 2026-11-20, or `all`."),
    ] = None,
    *,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="FILE", help="The SQLite file to be written.", dir_okay=False),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE if it is there.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Instead of nights: event time to begin at."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Event time to end before (UTC).")
    ] = None,
    views: Annotated[
        list[str] | None,
        typer.Option(
            "--view",
            metavar="VIEW",
            help="Only this view; may be given again.",
            show_default="all of them",
        ),
    ] = None,
    services: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="SERVICE",
            help="Only this service decides anew; may be given again.",
            show_default="all that have run here",
        ),
    ] = None,
    no_services: Annotated[
        bool, typer.Option("--no-services", help="Take all decisions as they are recorded.")
    ] = False,
    settings_of: Annotated[
        SettingsOf,
        typer.Option(
            "--settings", help="Services decide by the settings in force then, or by the site's."
        ),
    ] = SettingsOf.RECORDED,
    from_zero: Annotated[
        bool,
        typer.Option(
            "--from-zero",
            help="Read the whole log before the night for what services know, not from a seal on.",
        ),
    ] = False,
    allow_holes: Annotated[
        bool,
        typer.Option("--allow-holes", help="Take what the log still has of the night."),
    ] = False,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=0, help="Show this many decisions that differ."),
    ] = 20,
    allow: Annotated[
        bool, typer.Option("--allow-differences", help="End with 0 though something differs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    log_file: LogFile = None,
) -> None:
    """Go through a night again with today's services and views, as fast as the machine can.

    The tables go to a SQLite file of their own: neither live tables nor the log are written to.
    They are compared with the live ones by digest, and the services' decisions with the recorded
    ones by id. Services begin with what they knew at the night's begin, for which the log before
    is read: from the newest seal on that has kept it, else from the log's beginning. Ends with 1
    if anything differs.
    """
    if services and no_services:
        raise typer.BadParameter("give --service or --no-services, not both")
    site = settings(ctx)
    configure(site.logging, "reprocess", log_file)
    chosen = chosen_views(site, views or ())
    named = chosen_services(services or ())
    cluster = connect(site)
    registry = Registry(cluster)
    part = part_of(night_index(cluster, site), nights or (), start, end)
    windows, holes = require_whole(cluster, part.windows, allow=allow_holes)
    part = replace(part, windows=windows)
    for hole in holes:
        typer.echo(f"evctl: note: the log has lost {hole}", err=True)
    if not named and not no_services:
        named = chosen_services(_who_decided(site, cluster, registry, windows))
    deciders = () if no_services else named
    present = present_settings(site, deciders, settings_of)
    wish = Wish(part, chosen, deciders, present, limit)
    shelf = Shelf(site.seals.directory, cluster.namespace)
    shelved = Shelved(cluster, None if from_zero else shelf.directory)
    with stopping() as stop, closing(Reprocessing(cluster, registry, wish, shelved)) as work:
        try:
            with progress(f"reprocessing {part.name}", work.to_read) as advance:
                found = _outcome(work, site, to, overwrite, stop, advance)
        except Stopped:
            typer.echo(f"stopped; nothing is left of {to}", err=True)
            raise typer.Exit(stop.exit_code) from None
    typer.echo(orjson.dumps(found.as_json()) if as_json else "\n".join(found.lines()))
    if not found.agrees and not allow:
        raise typer.Exit(DISAGREE)


def chosen_services(names: Sequence[str]) -> Sequence[Service[Any]]:
    """Return the services of these names; raise `NotAService`."""
    known = consumers.services()
    for name in names:
        if name not in known:
            raise NotAService(name)
    return [known[name] for name in names]


def _who_decided(
    site: Settings, cluster: Cluster, registry: Registry, windows: Sequence[Window]
) -> Sequence[str]:
    """Return the services that have run here or, without a trace of any, decided in the part."""
    known, database = sorted(consumers.services()), open_database(site)
    with closing(database):
        SeatStore(database, cluster.namespace).create()
        return came(cluster, database, known) or deciders_in(cluster, registry, windows, known)


def _outcome(
    work: Reprocessing,
    site: Settings,
    to: Path,
    overwrite: bool,
    stop: Stop,
    advance: Callable[[int], None],
) -> Outcome:
    """Write the file, and compare what is in it."""
    cluster, registry, wish = work.cluster, work.registry, work.wish
    judge = Verifying(Fates(cluster, registry), cluster.namespace)
    live = open_database(site)
    with new_file(to, live, overwrite=overwrite) as file:
        done = work.run(file, judge, stop, advance)
        against = AgainstLive(cluster, registry, live, wish.part, patience(site))
        views = list(against.compared(done.stores))
    live.close()
    return Outcome(
        wish.part.name,
        to,
        done.records,
        done.read,
        done.seconds,
        done.settings,
        [name for name, digest in done.settings.items() if _has_others(site, name, digest)],
        done.comparison if wish.services else None,
        views,
    )


def _has_others(site: Settings, service: str, digest: str) -> bool:
    given = roles.given(site, service)
    return bool(given) and settings_digest(given) != digest
