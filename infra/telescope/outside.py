"""Exposures by a program of the site, called once for each, in the manner of `hetdex-dither.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from consumers import Ticket
from consumers.shots import Exposure, Stopped
from infra.telescope.memory import Memory
from infra.telescope.shot_files import ShotFiles, fill, values_of

EXPOSURE_FAILED = "ExposureFailed"


@dataclass(frozen=True, slots=True)
class Outside:
    """A program that exposes; it may take `margin` s longer than the exposure itself."""

    command: Sequence[str]
    margin: float
    dither_with_probes: bool
    files: ShotFiles

    def expose(self, memory: Memory, ticket: Ticket, exposure: Exposure, stopped: Stopped) -> float:
        """Run it; return the exposure time that it was given."""
        values = self._values(exposure)
        option = "run_shot.exposure_command"
        words = [fill(word, values, option, EXPOSURE_FAILED) for word in self.command]
        timeout = exposure.seconds + self.margin
        memory.programs.run(words, EXPOSURE_FAILED, timeout, stopped, partial(memory.check, ticket))
        return exposure.seconds

    def _values(self, exposure: Exposure) -> Mapping[str, object]:
        order = exposure.order
        conf = self.files.conf(order, ".cfg")
        probes = order.dither_with_probes
        wanted = self.dither_with_probes if probes is None else probes
        return {
            **values_of(order),
            "exposure": exposure.number,
            "exposures": len(order.exposures),
            "seconds": exposure.seconds,
            "directory": exposure.place,
            "shuffle_conf": "" if conf is None else conf,
            "dither_with_probes": "yes" if wanted else "no",
        }
