"""Time scales: UTC in µs inside; text, Julian dates and TAI at the edges, by way of astropy.

An instant is an int: µs since 1970-01-01 UTC, leap seconds not counted (Unix time), so that
23:59:60 is the second that follows it. Text with `Z` or an offset is taken at its word, and is UTC
without.
"""

import re
import warnings
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.errors import EvctlError

MICROS = 1_000_000
"""µs in a second."""

FIRST, LAST = -62_135_596_800 * MICROS, 253_402_300_800 * MICROS - 1
"""The first and the last µs of the years 1 to 9999, which are those that a calendar has."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_JD_OF_EPOCH = 2440587.5
_JD = re.compile(r"(?:jd)?\s*(\d{7})(\.\d+)?", re.IGNORECASE)
_DAY = 86_400 * MICROS
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?(\d\d)?)?)?")


class NotATime(EvctlError):
    """The text is no instant."""

    exit_code = 2
    expected = "an instant such as 2026-11-20T03:14:15.123456Z (UTC without an offset), or a JD"

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not {self.expected}.")
        self.text = text


def parse(text: str) -> int:
    """Return the instant that the text names, in µs; digits beyond are cut off.

    ISO 8601 and Julian dates (`2458076.25`, `jd 2458076.25`) are read directly; any other form
    that astropy's `Time` parses is UTC. Raises `NotATime`.
    """
    text = text.strip()
    julian = _JD.fullmatch(text)
    if julian:
        return _of_julian_date(int(julian[1]), float(f"0{julian[2] or ''}"))
    if _ISO.fullmatch(text) and ":60" not in text:
        try:
            instant = datetime.fromisoformat(text.replace(",", ".").replace(" Z", "Z"))
        except ValueError:
            raise NotATime(text) from None
        return _micros(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    return _by_astropy(text)


def _by_astropy(text: str) -> int:
    time = _astropy_time()
    try:
        with _no_warnings():
            found = time(text.removesuffix("Z"), scale="utc")
            if ":60" in text and ":60" not in found.isot:  # it was taken for the next second
                raise NotATime(text)
            return _unix(found)
    except (ValueError, TypeError):
        raise NotATime(text) from None


def _no_warnings() -> AbstractContextManager[Any]:
    """Keep astropy from warning, as of years whose leap seconds nobody knows yet."""
    return warnings.catch_warnings(action="ignore")


def _unix(time: Any) -> int:
    # Not Time.unix, which spreads a leap second over its whole day.
    return _micros(time.to_datetime(timezone=UTC, leap_second_strict="silent"))


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _of_julian_date(day: int, fraction: float) -> int:
    return round((day - _JD_OF_EPOCH) * _DAY) + round(fraction * _DAY)


def iso(micros: int) -> str:
    """Return the instant as ISO 8601 with six decimals and `Z`; as µs outside years 1 to 9999."""
    try:
        instant = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return f"{micros} µs"
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def julian_date(micros: int) -> float:
    """Return the Julian date (UTC, days of 86,400 s: no leap seconds), to about 40 µs."""
    return _JD_OF_EPOCH + micros / _DAY


def from_tai_seconds(seconds: float) -> int:
    """Return the UTC instant, in µs, of TAI seconds since 1970-01-01 TAI, as Rubin stamps them.

    The offset (37 s since 2017) is astropy's table of leap seconds.
    """
    time = _astropy_time()
    with _no_warnings():
        return _unix(time(seconds, format="unix_tai").utc)


def _astropy_time() -> Any:
    """Return astropy's `Time`; imported when first needed, since it takes a third of a second."""
    with _no_warnings():  # of a directory for its own settings that is missing, too
        from astropy.time import Time  # noqa: PLC0415
        from astropy.utils import iers  # noqa: PLC0415

        iers.conf.auto_download = False
    return Time
