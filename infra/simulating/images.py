"""The FITS files of a simulated night: by observation number, as the worker `shots` has them.

All of a file follows from the log, so that a night that goes on has each where it was before.
"""

from pathlib import Path
from random import Random
from typing import Any

from consumers.shots import Exposure
from infra.telescope.shot_files import place_of
from schemas.events.shots import ExposureFinished, ExposureStarted, ShotRequested


class Images:
    """Writes the files of each exposure that is read out, unless they are there already."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._seed = folder, seed
        self._asked: dict[str, int] = {}
        self._begun = 0
        self.exposures = 0

    def hear(self, request: str, event: Any) -> None:
        """Take note of what was asked, in a record of this id."""
        if isinstance(event, ShotRequested):
            self._asked[request] = event.time

    def say(self, event: Any) -> None:
        """Write what comes of an event of the telescope, which has one shot at a time."""
        if isinstance(event, ExposureStarted):
            self._begun = event.time
        elif isinstance(event, ExposureFinished):
            self._write(event)

    def _write(self, event: ExposureFinished) -> None:
        from infra.telescope import synthetic  # noqa: PLC0415 astropy takes half a second

        order, number = event.order, event.exposure
        place = place_of(self._folder, order, number, self._asked[event.request])
        exposure = Exposure(order, number, event.seconds, place, self._begun)
        if not all(path.exists() for path in synthetic.paths(exposure)):
            name = f"{self._seed}/{order.shotid}/{order.obs_number}/{number}"
            synthetic.write(exposure, Random(name).getrandbits(32))  # noqa: S311 no secret
        self.exposures += 1
