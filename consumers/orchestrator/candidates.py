"""A list of shots as arrays, and when each can be followed in a given night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumers.orchestrator import het, sky
from schemas.events.shot_lists import EAST, EITHER, WEST, Shot
from schemas.utc import MICROS

_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]
_Truths = NDArray[np.bool_]

_NIGHT_BEGINS = 18 * 3600 * MICROS  # of the day before, UTC: noon at the telescope
_SAME_AZIMUTH = 1e-6
_NIGHT_OF_J2000 = 10_957


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The shots of a list, of each shotid the first, by column; coordinates are J2000.

    `rank` is the place of a shot when all are sorted by shotid; a `forced_az` of NaN is none.
    """

    digest: str
    shots: tuple[Shot, ...]
    places: Mapping[str, int]
    ra: _Floats
    dec: _Floats
    track: _Integers
    priority: _Integers
    n_obs: _Integers
    forced_az: _Floats
    rank: _Integers


class Options(NamedTuple):
    """Ways to follow the shots: a row of them each, with azimuth, window and whether it may be.

    `middle` is the sidereal time at the middle of the window and `half` its half length, hours.
    """

    azimuth: _Floats
    middle: _Floats
    half: _Floats
    allowed: _Truths


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """A list by which list it is, not by what is in it: to compare 3,000 shots takes too long."""

    digest: str
    shots: Sequence[Shot]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Listed):
            return NotImplemented
        return self.shots is other.shots and self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.digest, id(self.shots)))


def prepare(shots: Sequence[Shot], digest: str = "") -> Candidates:
    """Return the candidates of a list; of the same list, the same ones. It must not change."""
    return _prepared(_Listed(digest, shots))


@lru_cache(maxsize=8)
def _prepared(listed: _Listed) -> Candidates:
    shots = tuple({shot.shotid: shot for shot in reversed(listed.shots)}.values())[::-1]
    ids = [shot.shotid for shot in shots]
    rank = np.empty(len(shots), np.int64)
    rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    forced = [np.nan if shot.forced_az is None else shot.forced_az for shot in shots]
    return Candidates(
        listed.digest,
        shots,
        MappingProxyType({shotid: place for place, shotid in enumerate(ids)}),
        np.array([shot.ra for shot in shots], np.float64),
        np.array([shot.dec for shot in shots], np.float64),
        np.array([shot.track for shot in shots], np.int64),
        np.array([shot.priority for shot in shots], np.int64),
        np.array([shot.n_obs for shot in shots], np.int64),
        np.array(forced, np.float64),
        rank,
    )


def visits_left(candidates: Candidates, done: Mapping[str, int]) -> _Truths:
    """Return which shots are still to be observed, after the visits done by shotid."""
    left = candidates.n_obs.copy()
    for shotid, count in done.items():
        place = candidates.places.get(shotid)
        if place is not None:
            left[place] -= count
    return left > 0


def reachable(candidates: Candidates) -> Sequence[bool]:
    """Return which shots come within reach at all, on a side that they may be observed on.

    By their places of J2000: at the edge of the sky that is in reach, precession may differ.
    """
    options = _sides(candidates, _NIGHT_OF_J2000)
    follows = options.allowed & (options.half >= 0)
    return [bool(east or west) for east, west in follows.T]


def sides(candidates: Candidates, time: int) -> Options:
    """Return two rows: each shot in the east and in the west, at its best or its forced azimuth."""
    return _sides(candidates, _night(time))


def parked(candidates: Candidates, time: int, azimuth: float) -> Options:
    """Return a row: each shot with the structure at an azimuth, where it stands already."""
    ra, dec = _of_date(candidates, _night(time))
    window = het.windows(dec, azimuth)
    unforced = np.isnan(candidates.forced_az)
    with np.errstate(invalid="ignore"):
        off = np.abs((candidates.forced_az - azimuth + 180) % 360 - 180)
    east, west = _sides_allowed(candidates, np.full(ra.shape, azimuth))
    return Options(
        np.full((1, len(ra)), azimuth % 360),
        (ra + window.middle)[None],
        window.half[None],
        ((unforced | (off < _SAME_AZIMUTH)) & (east | west))[None],
    )


def _night(time: int) -> int:
    """Return the number of the night: precession is taken once for all of it."""
    return (time - _NIGHT_BEGINS) // sky.DAY


@lru_cache(maxsize=16)
def _of_date(candidates: Candidates, night: int) -> tuple[_Floats, _Floats]:
    with np.errstate(invalid="ignore"):
        middle = night * sky.DAY + _NIGHT_BEGINS + sky.DAY // 2
        ra, dec = sky.precess(candidates.ra, candidates.dec, middle)
    return np.round(ra, 9), np.round(dec, 8)


@lru_cache(maxsize=16)
def _sides(candidates: Candidates, night: int) -> Options:
    ra, dec = _of_date(candidates, night)
    best = np.array(het.best_azimuths(dec))
    unforced = np.isnan(candidates.forced_az)
    azimuth = np.where(unforced, best, candidates.forced_az % 360)
    window = het.windows(dec, azimuth)
    allowed = np.array(_sides_allowed(candidates, azimuth[0]))
    free = np.array([candidates.track != WEST, candidates.track != EAST])
    allowed = np.where(unforced, free, allowed)
    return Options(azimuth, ra + window.middle, window.half, allowed)


def _sides_allowed(candidates: Candidates, azimuth: _Floats) -> tuple[_Truths, _Truths]:
    """Return whether shots may be observed at azimuths as ones in the east, and in the west."""
    turned = azimuth % 360
    east = (turned <= 180) & np.isin(candidates.track, (EAST, EITHER))
    west = ((turned >= 180) | (turned == 0)) & np.isin(candidates.track, (WEST, EITHER))
    return east, west
