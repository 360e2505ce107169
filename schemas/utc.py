"""Time scales: UTC in µs inside; text, Julian dates and TAI at the edges, by way of astropy.

An instant is an int: µs since 1970-01-01 UTC, leap seconds not counted (Unix time), so that
23:59:60 is the second that follows it. Text with `Z` or an offset is taken at its word, and is UTC
without. Julian dates are astropy's: a day with a leap second has 86,401 s.
"""

import re
import warnings
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from schemas.errors import EvctlError

MICROS = 1_000_000
"""µs in a second."""

FIRST, LAST = -62_135_596_800 * MICROS, 253_402_300_800 * MICROS - 1
"""The first and the last µs of the years 1 to 9999, which are those that a calendar has."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_JD_OF_EPOCH, _MJD_OF_EPOCH = 2440587.5, 40587
_DAY = 86_400 * MICROS
_NUMBER = re.compile(r"([a-z_]*)\s*(-?\d{1,18}(?:\.\d*)?)", re.IGNORECASE)

_JUNES = (1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015)
_DECEMBERS = (*range(1972, 1980), 1987, 1989, 1990, 1995, 1998, 2005, 2008, 2016)
_LONG_DAYS = frozenset(
    (last - date(1970, 1, 1)).days
    for last in (
        *(date(year, 6, 30) for year in _JUNES),
        *(date(year, 12, 31) for year in _DECEMBERS),
    )
)
"""Days since 1970-01-01 that end with a leap second (IERS Bulletin C), as astropy has them."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?(\d\d)?)?)?")


class NotATime(EvctlError):
    """The text is no instant."""

    exit_code = 2
    expected = (
        "an instant such as 2026-11-20T03:14:15.123456Z (UTC without an offset), a JD, "
        "`mjd 58075.75` or `decimalyear 2017.88`, in the years 1 to 9999"
    )

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not {self.expected}.")
        self.text = text


def parse(text: str) -> int:
    """Return the instant that the text names, in µs; digits beyond are cut off.

    ISO 8601, Julian dates (`2458076.25`, `jd 2458076.25`, `mjd 58075.75`) and `unix` seconds are
    read directly; any other form that astropy's `Time` parses is UTC, a number after the name of
    its format (`decimalyear 2017.88`, `gps 1195063218`). Raises `NotATime`.
    """
    text = text.strip()
    number = _NUMBER.fullmatch(text)
    micros = None if number is None else _of_number(*number.groups())
    if micros is None:
        micros = _of_text(text)
    if not FIRST <= micros <= LAST:
        raise NotATime(text)
    return micros


def _of_number(form: str, number: str) -> int | None:
    """Return the instant of a number in one of astropy's formats; none if it is in no such one.

    Alone, seven digits before the point are a JD: other numbers could be too many things.
    """
    form = form.lower() or ("jd" if len(number.partition(".")[0]) == 7 else "")
    match form:
        case "jd":
            return _of_days(Fraction(number) - Fraction(_JD_OF_EPOCH))
        case "mjd":
            return _of_days(Fraction(number) - _MJD_OF_EPOCH)
        case "unix":
            return floor(Fraction(number) * MICROS)
        case _ if form in _astropy_time().FORMATS:
            return _by_astropy(number, form)
    return None


def _of_text(text: str) -> int:
    if _ISO.fullmatch(text) and ":60" not in text:
        try:
            instant = datetime.fromisoformat(text.replace(",", ".").replace(" Z", "Z"))
        except ValueError:
            raise NotATime(text) from None
        return _micros(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    return _by_astropy(text.removesuffix("Z"))


def _by_astropy(text: str, form: str | None = None) -> int:
    time = _astropy_time()
    try:
        with _no_warnings():
            found = time(text, format=form, scale="utc")
            if ":60" in text and ":60" not in found.isot:  # it was taken for the next second
                raise NotATime(text)
            return _unix(found)
    except (ValueError, TypeError, OverflowError):
        raise NotATime(f"{form or ''} {text}".lstrip()) from None


def _no_warnings() -> AbstractContextManager[Any]:
    """Keep astropy from warning, as of years whose leap seconds nobody knows yet."""
    return warnings.catch_warnings(action="ignore")


def _unix(time: Any) -> int:
    # Not Time.unix, which spreads a leap second over its whole day.
    return _micros(time.to_datetime(timezone=UTC, leap_second_strict="silent"))


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _of_days(days: Fraction) -> int:
    """Return the instant so many days after 1970-01-01, some of which were longer."""
    day = floor(days)
    return day * _DAY + round((days - day) * _length(day))


def _length(day: int) -> int:
    return _DAY + MICROS * (day in _LONG_DAYS)


def iso(micros: int) -> str:
    """Return the instant as ISO 8601 with six decimals and `Z`; as µs outside years 1 to 9999."""
    try:
        instant = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return f"{micros} µs"
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def julian_date(micros: int) -> float:
    """Return the Julian date (UTC), astropy's `Time.jd`, to 20 µs (40 from the year 6771 on).

    In a leap second it is that of the second that follows. Before 1972, when UTC was kept by other
    means, astropy's differs by up to 1.5 s.
    """
    return _days(_JD_OF_EPOCH, micros)


def modified_julian_date(micros: int) -> float:
    """Return the Modified Julian date (UTC), JD − 2400000.5, to 1 µs, else as `julian_date`."""
    return _days(_MJD_OF_EPOCH, micros)


def from_julian_date(days: float) -> int:
    """Return the instant of a Julian date (UTC) in µs: of `julian_date(t)`, t to 20 µs."""
    return _of_days(Fraction(days) - Fraction(_JD_OF_EPOCH))


def _days(epoch: float, micros: int) -> float:
    day, rest = divmod(micros, _DAY)
    return (epoch + day) + rest / _length(day)  # whole and half days are exact: rounded only once


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
