"""A telescope that is none: it takes its time, fails on request, and writes FITS files.

The times are those of HETDEX's real nights: set-ups of 227 s (median), read-outs of 45 s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep

from consumers import Ticket
from consumers.shots import ABORTED, SET_UP, Exposure, ShotFailed, Stopped
from infra.telescope.memory import Memory
from infra.telescope.outside import EXPOSURE_FAILED, Outside
from infra.telescope.shot_files import SETUP_FAILED
from schemas.events.shots import ShotOrder

READOUT_S = 45.0
_SETUP_S = (150.0, 410.0, 150.0)
"""Shortest, longest and most frequent; the median is 226 s."""

_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Manner:
    """How the simulated telescope behaves: faster, and failing at a part of all steps."""

    time_scale: float = 1.0
    faults: float = 0.0
    seed: int = 0


class Simulated(Memory):
    """Sets up and exposes in simulated time; with `outside`, a program exposes in its place."""

    def __init__(self, directory: Path, manner: Manner, outside: Outside | None = None) -> None:
        super().__init__(directory)
        self._manner, self._outside = manner, outside

    def set_up(
        self, ticket: Ticket, order: ShotOrder, commands: Sequence[str], stopped: Stopped
    ) -> None:
        """Take the time of a set-up, whatever the commands are."""
        chance = self._chance(order, SET_UP)
        self._pass(chance.triangular(*_SETUP_S), ticket, stopped)
        if chance.random() < self._manner.faults:
            details = "\n".join(commands)
            raise ShotFailed(SETUP_FAILED, "the simulated telescope found no guide star", details)

    def expose(self, ticket: Ticket, exposure: Exposure, stopped: Stopped) -> float:
        """Take the time of exposure and read-out, and write the files."""
        if self._outside is not None:
            return self._outside.expose(self, ticket, exposure, stopped)
        self._pass(exposure.seconds, ticket, stopped)
        chance = self._chance(exposure.order, f"exposure {exposure.number}")
        if chance.random() < self._manner.faults:
            raise ShotFailed(EXPOSURE_FAILED, "the simulated telescope lost its guide star")
        self._pass(READOUT_S, ticket, stopped)
        if exposure.place:
            from infra.telescope import synthetic  # noqa: PLC0415 astropy takes half a second

            synthetic.write(exposure, chance.getrandbits(32))
        return exposure.seconds

    def _chance(self, order: ShotOrder, step: str) -> Random:
        """Return what decides about a step: the same for the same shot."""
        name = f"{self._manner.seed}/{order.shotid}/{order.obs_number}/{step}"
        return Random(name)  # noqa: S311 no secret

    def _pass(self, seconds: float, ticket: Ticket, stopped: Stopped) -> None:
        """Let time pass; raise `ShotFailed` where it is to stop, `Refused` where replaced."""
        deadline = monotonic() + seconds / self._manner.time_scale
        while True:
            if (why := stopped()) is not None:
                raise ShotFailed(ABORTED, why)
            self.check(ticket)
            left = deadline - monotonic()
            if left <= 0:
                return
            sleep(min(left, _LOOK_S))
