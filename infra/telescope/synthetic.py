"""Small FITS files as VIRUS writes them, by name and header; pixels are noise around a bias."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits

from consumers.shots import Exposure
from infra.broker.storage import files
from infra.telescope.shot_files import values_of
from infra.telescope.simulated import READOUT_S
from schemas.utc import MICROS, modified_julian_date

SLOT, AMPLIFIERS = "053", ("LL", "LU", "RL", "RU")
_SIDE, _BIAS, _NOISE = 32, 1000, 3.0
_DITHERS = ((0.0, 0.0), (1.270, -0.730), (1.270, 0.730))
"""Offsets of the three exposures of a shot, arcsec."""

_STRUCTURE_ELEVATION = 55.055223


def paths(exposure: Exposure) -> Sequence[Path]:
    """Return the files of an exposure, one for each amplifier."""
    begun = _begun(exposure)
    stamp = f"{begun:%Y%m%dT%H%M%S}.{begun.microsecond // 100_000}"
    directory = Path(exposure.place) / "virus"
    return [directory / f"{stamp}_{SLOT}{amplifier}_sci.fits" for amplifier in AMPLIFIERS]


def write(exposure: Exposure, seed: int) -> None:
    """Write the files of an exposure, each in one piece that outlives a power cut."""
    chance = np.random.default_rng(seed)
    for amplifier, path in zip(AMPLIFIERS, paths(exposure), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = chance.normal(_BIAS, _NOISE, (_SIDE, _SIDE)).astype(np.int16)
        header = fits.Header(_cards(exposure, _begun(exposure), amplifier))
        content = BytesIO()
        fits.PrimaryHDU(pixels, header).writeto(content)
        files.replace(path, content.getvalue(), mode=0o666)  # less the umask, as any file


def _begun(exposure: Exposure) -> datetime:
    return datetime.fromtimestamp(exposure.time / MICROS, UTC)


def _cards(exposure: Exposure, begun: datetime, amplifier: str) -> Iterator[tuple[str, object]]:
    order, values = exposure.order, values_of(exposure.order)
    yield "OBJECT", f"{order.shotid}_{values['track_initial']}"
    yield "OBSID", order.obs_number
    yield "DITHER", exposure.number
    yield "DITHRA", _DITHERS[(exposure.number - 1) % 3][0]
    yield "DITHDEC", _DITHERS[(exposure.number - 1) % 3][1]
    yield "DATE-OBS", f"{begun:%Y-%m-%dT%H:%M:%S.%f}"
    yield "UT", f"{begun:%H:%M:%S.%f}"
    yield "MJD", modified_julian_date(exposure.time)
    yield "REXPTIME", exposure.seconds
    yield "EXPTIME", exposure.seconds
    yield "DARKTIME", exposure.seconds
    yield "READTIME", READOUT_S
    yield "TELRA", order.ra
    yield "TELDEC", order.dec
    yield "TRAJRA", order.ra
    yield "TRAJDEC", order.dec
    yield "TRAJDIR", str(values["track_name"])
    yield "STRUCTAZ", order.azimuth
    yield "STRUCTEL", _STRUCTURE_ELEVATION
    yield "ZD", 90 - _STRUCTURE_ELEVATION
    yield "IFUSLOT", SLOT
    yield "AMPLIF", amplifier
    yield "RECIPE", "evctl, simulated"
    yield from _of_metadata(order.metadata)


def _of_metadata(metadata: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield what a header can hold of a shot's metadata: HET's names begin with Q."""
    for name, value in metadata.items():
        plain = isinstance(value, bool | int | float) or (
            isinstance(value, str) and value.isascii() and value.isprintable() and len(value) < 60
        )
        if plain and re.fullmatch(r"Q[A-Z0-9]{1,7}", name):
            yield name, value
