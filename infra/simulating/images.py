"""The FITS files of a simulated night: by observation number, as the worker `shots` has them.

All of a file follows from the log, so that a night that goes on has each where it was before.
"""

from pathlib import Path
from random import Random
from typing import Any

from consumers.shots import Exposure
from infra.telescope.shot_files import place_of
from schemas.errors import EvctlError
from schemas.events.shots import ExposureFinished, ExposureStarted, ShotRequested


class NoPlaceForImages(EvctlError):
    """The files can't be written."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, folder: Path, fault: OSError) -> None:
        super().__init__(
            f"No FITS files can be written below {folder}: {fault.strerror or fault}. Mend that, "
            "or name another folder; the night goes on from there."
        )
        self.folder = folder


class Images:
    """Writes the files of each exposure that is read out, unless they are there already.

    Raises `NoPlaceForImages`.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise NoPlaceForImages(folder, fault) from fault
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
            try:
                synthetic.write(exposure, Random(name).getrandbits(32))  # noqa: S311 no secret
            except OSError as fault:
                raise NoPlaceForImages(self._folder, fault) from fault
        self.exposures += 1
