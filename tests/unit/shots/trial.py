"""A shot carried out without a log, by the simulated telescope at full speed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from consumers import Act, Ticket, Worker
from consumers.shots import Port, worker
from infra.telescope.shot_files import ShotFiles
from infra.telescope.simulated import Manner, Simulated
from schemas.events.shots import ShotByHandRequested, ShotOrder
from schemas.record import AnyRecord, Position, Provenance, Record

BEGUN = 1_551_941_999_000_000
"""One second before midnight, so that the shot goes into the next day."""

NAMES = "HETcommands/{shotid}_{QIFU}_{track_initial}"
IMAGES = "acam_images/{shotid}_{QIFU}_{track_initial}.jpg"


def order(**given: Any) -> ShotOrder:
    """Return an order; `given` are fields that differ."""
    fields: dict[str, Any] = {
        "shotid": "HS0050",
        "obs_number": 12,
        "ra": 11.5,
        "dec": -4.25,
        "azimuth": 120.0,
        "track": 1,
        "exposures": [360.0, 361.0, 362.0],
        "metadata": {"QIFU": "000"},
        "by_hand": True,
        "followed": False,
    }
    return ShotOrder(**{**fields, **given})


def request(number: int = 0, **given: Any) -> AnyRecord:
    """Return the record of a request for it."""
    event = ShotByHandRequested(BEGUN, order(**given), "ra", BEGUN + 60_000_000)
    said = Provenance("hand", number)
    return Record(event, said, None, BEGUN, Position("observatory", 0, number))


def files(data: Path | None = None, shuffle: Path | None = None, **given: Any) -> ShotFiles:
    """Return the files of shots."""
    fields: dict[str, Any] = {
        "shuffle_shot": shuffle,
        "shuffle_conf_template": NAMES,
        "acam_dest_file": None,
        "acam_image_template": IMAGES,
        "data": data,
        "wait_last_write": True,
        "patience": 0.0,
    }
    return ShotFiles(**{**fields, **given})


@dataclass
class Trial:
    """A worker with a telescope, and what it tells; each look at the clock is a second later."""

    directory: Path
    manner: Manner = field(default_factory=lambda: Manner(1e6))
    port_files: ShotFiles = field(default_factory=files)
    told: list[Any] = field(default_factory=list)
    stopped: Callable[[], str | None] = lambda: None

    def __post_init__(self) -> None:
        self._seconds = count()
        self.port = Port(Simulated(self.directory, self.manner), self.port_files)
        self.worker: Worker = worker(self.port)

    def now(self) -> int:
        """Return the present."""
        return BEGUN + next(self._seconds) * 1_000_000

    def carry_out(self, record: AnyRecord, epoch: int = 1) -> Any:
        """Return what comes of a request."""
        act = Act(Ticket(record.id, epoch), self.now, self.told.append, self.stopped)
        return self.worker.carry_out(record, act)

    def look(self, record: AnyRecord, epoch: int = 1) -> Any:
        """Return what the telescope knows of a request."""
        return self.worker.look(record, Ticket(record.id, epoch), self.now)


def ticket(number: int, epoch: int = 1) -> Ticket:
    """Return a ticket."""
    return Ticket(UUID(int=number), epoch)
