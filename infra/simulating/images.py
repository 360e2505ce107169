"""The FITS files of a simulated night: by observation number, as the worker `shots` has them.

All of a file follows from the log, so that a night that goes on has each where it was before.
"""

from pathlib import Path
from random import Random
from typing import Any

from consumers.shots import Exposure
from infra.broker.storage import files
from infra.telescope.shot_files import place_of
from schemas.errors import EvctlError
from schemas.events.shots import ExposureFinished, ExposureStarted, ShotRequested

MARK = "simulation"
"""The file that says whose the files of a folder are."""


class NoPlaceForImages(EvctlError):
    """The files can't be written."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, folder: Path, fault: OSError) -> None:
        super().__init__(
            f"No FITS files can be written below {folder}: {fault.strerror or fault}. Mend that, "
            "or name another folder; the night goes on from there."
        )
        self.folder = folder


class ImagesOfAnother(EvctlError):
    """A folder has the files of another simulation, with the same numbers."""

    exit_code = 73

    def __init__(self, folder: Path, there: str) -> None:
        super().__init__(
            f"{folder} has the FITS files of another simulation ({there}, says {folder / MARK}). "
            "Name another folder."
        )
        self.folder, self.there = folder, there


class Images:
    """Writes the files of each exposure that is read out, unless they are there already.

    `simulation` names the night: its namespace and its scenario. Raises `NoPlaceForImages` and
    `ImagesOfAnother`.
    """

    def __init__(self, folder: Path, seed: int, simulation: str) -> None:
        self._folder, self._seed, self._simulation = folder, seed, simulation
        self._is_marked = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._refuse_another()
        except OSError as fault:
            raise NoPlaceForImages(folder, fault) from fault
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
        try:
            self._mark()
            if not all(_is_there(path) for path in synthetic.paths(exposure)):
                name = f"{self._seed}/{order.shotid}/{order.obs_number}/{number}"
                synthetic.write(exposure, Random(name).getrandbits(32))  # noqa: S311 no secret
        except OSError as fault:
            raise NoPlaceForImages(self._folder, fault) from fault
        self.exposures += 1

    def _mark(self) -> None:
        """Say whose the folder is: at the first exposure, since a night may be refused before."""
        if not self._is_marked:
            self._refuse_another()
            files.replace(self._folder / MARK, f"{self._simulation}\n".encode(), mode=0o644)
            self._is_marked = True

    def _refuse_another(self) -> None:
        mark = self._folder / MARK
        if _is_there(mark):
            there = mark.read_text(encoding="utf-8", errors="replace").strip()
            if there != self._simulation:
                raise ImagesOfAnother(self._folder, there)


def _is_there(path: Path) -> bool:
    """Whether a file is there with what is in it; a power cut may have left an empty one."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
