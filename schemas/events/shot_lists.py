"""The list of shots that a site means to observe, as it was put on the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated

from schemas.declare import REPORTED, Doc, Holds, Micros, Unit, event

KEY = "shot_list"

EAST, WEST, EITHER = 0, 1, 2
"""The tracks of a shot, as OCD numbers them."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One place on the sky to be observed, with what OCD's shot files say of it."""

    shotid: str
    ra: Annotated[float, Unit("h"), Doc("right ascension, J2000")]
    dec: Annotated[float, Unit("deg"), Doc("declination, J2000")]
    track: Annotated[int, Doc("0 east, 1 west, 2 either")]
    priority: Annotated[int, Doc("smaller is more urgent")]
    n_obs: Annotated[int, Doc("how often it is to be observed")]
    forced_az: Annotated[float | None, Unit("deg"), Doc("azimuth that it has to be observed at")]
    metadata: Annotated[Mapping[str, str], Doc("the columns Q*, as the file has them")]


@event(REPORTED)
class ShotListLoaded:
    """A list of shots took the place of the one before."""

    time: Micros
    name: Annotated[str, Doc("the file's name")]
    digest: Annotated[str, Doc("of the shots: BLAKE2b, 32 hexadecimal digits")]
    shots: Sequence[Shot]
    who: str
    visits_left: Annotated[bool, Doc("n_obs is what is left: visits of before don't count")] = False

    @property
    def record_key(self) -> str:
        """One key for all lists, so that the newest is found quickly."""
        return KEY

    @property
    def holds(self) -> Holds:
        """The list holds until there is another."""
        return "shot list", ()


def digest_of(shots: Sequence[Shot]) -> str:
    """Return the digest of a list: the same shots in the same order have the same."""
    digest = blake2b(digest_size=16)
    for shot in shots:
        metadata = sorted(shot.metadata.items())
        digest.update(
            repr(
                (
                    *(shot.shotid, float(shot.ra), float(shot.dec), shot.track, shot.priority),
                    *(shot.n_obs, None if shot.forced_az is None else float(shot.forced_az)),
                    metadata,
                )
            ).encode()
        )
    return digest.hexdigest()
