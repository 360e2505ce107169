"""`evctl shot abort`: the end of a shot that is under way, before it is done."""

from time import sleep
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.rebuild import login_name
from infra.clock import fresh_id, utc_micros
from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.telescope import under_way
from infra.telescope.under_way import Shots
from schemas.errors import EvctlError
from schemas.events.shots import ShotAbortRequested
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

EPILOG = examples(
    "evctl shot abort",
    "evctl shot abort --why 'clouds'",
    "evctl shot abort HS0051                 this one, which may still be waiting",
)
_LOOK_S = 0.05


class NothingToAbort(EvctlError):
    """No such shot is under way."""

    exit_code = 66

    def __init__(self, shotid: str | None, there: str) -> None:
        which = f"The shot {shotid} neither runs nor waits" if shotid else "No shot runs"
        super().__init__(f"{which}, so there is nothing to abort{there}.")
        self.shotid = shotid


class NotAborted(EvctlError):
    """Nobody has ended the shot in time."""

    exit_code = 69

    def __init__(self, shot: str, seconds: float) -> None:
        super().__init__(
            f"{shot} has not ended within {seconds:g} s. It was asked for, and holds: does the "
            "process that runs the shot still live? `evctl run shots` ends one that was left."
        )
        self.shot = shot


def command(
    ctx: typer.Context,
    shotid: Annotated[
        str | None,
        typer.Argument(
            metavar="SHOT",
            help="Id of the shot; without it, the one that runs.",
            show_default=False,
        ),
    ] = None,
    *,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, to be recorded.")] = "",
    timeout: Annotated[
        float,
        typer.Option("-t", "--timeout", metavar="S", min=0, help="Wait so long for its end."),
    ] = 10.0,
) -> None:
    """End the shot that runs, and wait for its end; the telescope is free then.

    Who asked is recorded. Ends with 66 if no shot runs.
    """
    site = settings(ctx)
    cluster = connect(site)
    topics.ensure(cluster, [OBSERVATORY])
    registry, seats = Registry(cluster), SeatStore(open_database(site), cluster.namespace)
    seats.create()
    shots = under_way.shots(cluster, registry, seats, utc_micros()) or Shots(None, [])
    shot = next((one for one in shots.all if one.order.shotid == shotid), None)
    if shotid is None:
        shot = shots.running
    if shot is None:
        raise NothingToAbort(shotid, f": {shots}" if shots.all else "")
    asker = Publisher(cluster, registry, OBSERVATORY, f"abort-{fresh_id()}", linger_ms=0)
    asker.publish(ShotAbortRequested(utc_micros(), shot.request, login_name(), why))
    asker.flush()
    until = utc_micros() + timeout * MICROS
    while shot.request in _under_way(cluster, registry, seats):
        if utc_micros() > until:
            raise NotAborted(str(shot), timeout)
        sleep(_LOOK_S)
    typer.echo(f"{shot.order.shotid} has ended")


def _under_way(cluster: Cluster, registry: Registry, seats: SeatStore) -> set[str]:
    found = under_way.shots(cluster, registry, seats, 0)
    return set() if found is None else {one.request for one in found.all}
