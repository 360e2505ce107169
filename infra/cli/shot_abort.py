"""`evctl shot abort`: the end of a shot that is under way, before it is done."""

from time import monotonic, sleep
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.rebuild import login_name
from infra.clock import fresh_id, utc_micros
from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log import reading, topics
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.serving.hearing import Ear
from infra.telescope import telling, under_way
from infra.telescope.under_way import Shots
from schemas.errors import EvctlError
from schemas.events.shots import ShotAbortRequested
from schemas.record import Position
from schemas.topics import OBSERVATORY

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
            help="Id of the shot, which may still wait; without it, the one that runs.",
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

    One that waits ends when its turn comes. Who asked is recorded. Ends with 66 if no shot runs.
    """
    site = settings(ctx)
    cluster = connect(site)
    topics.ensure(cluster, [OBSERVATORY])
    registry, seats = Registry(cluster), SeatStore(open_database(site), cluster.namespace)
    seats.create()
    place = under_way.place_of(cluster)
    end = reading.whole(cluster, [place])[place][1]  # before the look
    shots = under_way.shots(cluster, registry, seats, utc_micros()) or Shots(None, [])
    shot = next((one for one in shots.all if one.order.shotid == shotid), None)
    if shotid is None:
        shot = shots.running
    if shot is None:
        raise NothingToAbort(shotid, f": {shots}" if shots.all else "")
    ear = Ear(cluster, registry, Position(*place, end - 1), telling.ENDS)
    asker = Publisher(cluster, registry, OBSERVATORY, f"abort-{fresh_id()}", linger_ms=0)
    asker.publish(ShotAbortRequested(utc_micros(), shot.request, login_name(), why))
    asker.flush()
    if shot != shots.running:
        typer.echo(f"{shot.order.shotid} waits, and ends when its turn comes")
        return
    until = monotonic() + timeout
    while all(record.event.request != shot.request for record in ear.heard()):
        cluster.check()
        if monotonic() > until:
            raise NotAborted(str(shot), timeout)
        sleep(_LOOK_S)
    typer.echo(f"{shot.order.shotid} has ended")
