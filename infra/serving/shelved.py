"""What services knew when nights were sealed: from there on their past has to be read.

Beside a seal's snapshots lies `seats.json` with a copy of the seats. A copy that is damaged, of
another version of the service or of another log is passed over; then one reads from further back.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from consumers import Service
from infra.database.seats import Seat
from infra.database.snapshots import sync
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.reading import Place
from infra.serving.keeping import Kept

FILE = "seats.json"


def keep(seats: Sequence[Seat], folder: Path) -> None:
    """Write a copy of seats into the directory of a seal; it is on the disk then."""
    rows = [
        {
            "service": seat.service,
            "topic": seat.topic,
            "partition": seat.partition,
            "topic_id": seat.topic_id,
            "layout": seat.layout,
            "kept": seat.kept.decode(),
        }
        for seat in seats
        if seat.kept is not None
    ]
    path = folder / FILE
    path.write_bytes(orjson.dumps({"seats": rows, "digest": _digest(rows)}))
    sync(path)


def _digest(rows: object) -> str:
    return blake2b(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


class Shelved:
    """The copies of seats in the seals' directory of a log; none without a directory."""

    def __init__(self, cluster: Cluster, directory: Path | None) -> None:
        self._cluster, self._directory = cluster, directory

    def newest(self, service: Service[Any], place: Place, before: int) -> Kept | None:
        """Return the newest copy of a seat that knows no record from the offset `before` on."""
        found: Kept | None = None
        for kept in self._fitting(service, place):
            nearer = found is None or kept.next_offset > found.next_offset
            if kept.next_offset <= before and nearer:
                found = kept
        return found

    def _fitting(self, service: Service[Any], place: Place) -> Iterator[Kept]:
        topic_id = topics.describe(self._cluster, [place[0]])[place[0]].id
        wanted = (service.name, *place, topic_id, service.layout)
        for row in self._rows():
            seat = (row["service"], row["topic"], row["partition"], row["topic_id"], row["layout"])
            if seat == wanted:
                yield Kept.from_bytes(row["kept"].encode())

    def _rows(self) -> Iterator[dict[str, Any]]:
        paths = () if self._directory is None else self._directory.glob(f"*/v*/{FILE}")
        for path in sorted(paths):
            try:
                said = orjson.loads(path.read_bytes())
                intact = said["digest"] == _digest(said["seats"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if intact:
                yield from said["seats"]
