"""All that a simulated night follows from, but for what is asked of the telescope."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from producers.telescope.atmosphere import Weather
from producers.telescope.faults import NONE, Faults
from schemas.events.shot_lists import Shot, digest_of


@dataclass(frozen=True, slots=True)
class Scenario:
    """A simulated night, from `start` to `end` (µs UTC), a heartbeat of TCS each `heartbeat` s.

    `shots` are put on the log when it begins, under the `name` of their list, and shots are allowed
    then, or not.
    """

    seed: int
    start: int
    end: int
    heartbeat: float = 5.0
    weather: Weather = Weather.CLEAR
    faults: Faults = NONE
    shots: Sequence[Shot] = ()
    name: str = ""
    allowed: bool = True

    @property
    def digest(self) -> str:
        """Names the scenario: the same digest is the same night."""
        shots = digest_of(self.shots)
        parts = (
            *(
                self.seed,
                self.start,
                self.end,
                self.heartbeat,
                str(self.weather),
                tuple(self.faults),
            ),
            *(shots, self.name, self.allowed),
        )
        return blake2b(repr(parts).encode(), digest_size=4).hexdigest()
