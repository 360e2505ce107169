"""Snapshots of seats, from which whoever takes one over reads on."""

from collections.abc import Mapping

from infra.database.seats import SeatStore
from infra.dying import Point, reach
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.reading import Place
from infra.serving.keeping import Kept
from infra.serving.outputs import Outputs
from infra.serving.taking_over import Taken


def made_anew(cluster: Cluster, seats: Mapping[Place, Taken]) -> list[Place]:
    """Return which seats are of topics that were deleted and made anew under us.

    A consumer reads on there at the old offset; taking over says what has happened.
    """
    real = topics.describe(cluster, sorted({name for name, _ in seats}))
    return [place for place, taken in seats.items() if real[place[0]].id != taken.seat.topic_id]


def keep(
    store: SeatStore, layout: str, seats: Mapping[Place, Taken], outputs: Outputs
) -> list[Place]:
    """Write a snapshot of each seat, once all that was decided is acknowledged.

    Returns those that another instance has by now. Raises `NotAcknowledged`, `LogUnavailable` and
    `DatabaseAway`.
    """
    outputs.flush()
    reach(Point.AFTER_PRODUCE)
    ends = outputs.ends()
    return [place for place, taken in seats.items() if not _keep_one(store, layout, taken, ends)]


def _keep_one(store: SeatStore, layout: str, taken: Taken, ends: Mapping[Place, int]) -> bool:
    kept = Kept(
        taken.next_offset,
        taken.seat.epoch,
        taken.high_waters,
        ends,
        taken.settings,
        taken.post.state_bytes(),
    )
    row = taken.seat._replace(next_offset=kept.next_offset, layout=layout, kept=kept.to_bytes())
    if taken.last is not None:
        identity, offset = taken.last.provenance.id_bytes, taken.last.position.offset
        row = row._replace(last_id=identity, last_offset=offset)
    reach(Point.BEFORE_COMMIT)
    done = store.keep(row)
    reach(Point.AFTER_COMMIT)
    return done
