"""What a shot has to keep to, as the settings of the section `orchestrator` say it."""

from collections.abc import Mapping
from dataclasses import dataclass

EXPOSURES = 3
"""The dithers of a HETDEX shot."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """The limits of a shot: times in s, altitudes in degrees, illumination as a part of the disc.

    A set-up comes first, then the exposures, each with a read-out behind it. The moon does no harm
    below its altitude, and nowhere if no more of it is lit than `moon_illumination`.
    """

    exposure_s: float = 360.0
    setup_s: float = 300.0
    readout_s: float = 45.0
    sun_below_deg: float = -18.0
    moon_below_deg: float = 0.0
    moon_illumination: float = 0.0

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Constraints":
        """Return the constraints that settings say, as a service gets them: text by name."""
        return cls(
            float(values["exposure_time"]),
            float(values["setup_time"]),
            float(values["readout_time"]),
            float(values["sun_below"]),
            float(values["moon_below"]),
            float(values["moon_illumination"]),
        )

    @property
    def exposures_s(self) -> float:
        """How long the shutter is open."""
        return EXPOSURES * self.exposure_s

    @property
    def on_track_s(self) -> float:
        """From the beginning of the set-up to the end of the last exposure; the sky has to wait."""
        return self.setup_s + self.exposures_s + (EXPOSURES - 1) * self.readout_s

    @property
    def shot_s(self) -> float:
        """From the beginning of the set-up until the next one can begin."""
        return self.on_track_s + self.readout_s
