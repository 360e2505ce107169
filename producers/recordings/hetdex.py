"""HETDEX's lists of shots as they were observed, one a line."""

import re
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from pathlib import Path

from producers import Entry
from producers.conversion import CONVERT_ALL
from producers.errors import Unfit
from producers.lines import LineRecording, first_line
from schemas.events.tcs import TcsEvent, Value
from schemas.utc import MICROS

_COLUMNS = ("obsdate", "obs_number", "shotid", "mjd", "ra", "dec", "parallactic", "exptime")
_NUMBERS = ("mjd", "ra", "dec", "parallactic", "exptime")
_MISSING = "-999999.9"
_LINE = re.compile(rb"\d{8}\s+\d+\s+\S+(\s+-?\d+(\.\d*)?){5}\s*")
_DECIMAL = re.compile(r"-?\d+(\.\d*)?", re.ASCII)
_TRACK = re.compile(r"_([EW])(?![A-Za-z0-9])")
_EAST, _WEST = 0, 1
_MJD_OF_EPOCH = 40587
_DAY = 86_400 * MICROS


class ShotList(LineRecording):
    """A shot a line: date, number, object, MJD, RA (h), Dec (deg), parallactic angle (deg), s."""

    format = "hetdex"
    about = "HETDEX's list of observed shots (read only)"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the first line has a shot's eight columns."""
        return _LINE.fullmatch(first_line(path)) is not None

    def read_line(self, line: bytes, number: int) -> Entry:
        """Return the START of a shot, as OCD names the event; a list says nothing of its end."""
        try:
            words = line.decode().split()
        except UnicodeDecodeError:
            raise Unfit("", line, "UTF-8") from None
        if len(words) != len(_COLUMNS):
            raise Unfit("", words, f"the {len(_COLUMNS)} columns {' '.join(_COLUMNS)}")
        return Entry(_event(dict(zip(_COLUMNS, words, strict=True))), None, number)


def _event(columns: dict[str, str]) -> TcsEvent:
    original: dict[str, str] = {}
    values: dict[str, Value] = {
        "exec_status": "START",
        "shotid": columns["shotid"],
        "track": _track(columns["shotid"]),
    }
    for name in ("obsdate", "obs_number"):
        values[name] = _integer(name, columns[name], original)
    for name in _NUMBERS:
        values[name] = _number(name, columns[name], original)
    time = _midnight(columns["obsdate"])  # of the UTC date, in case the shot's own is missing
    if values["mjd"] is not None:
        time = floor((Fraction(columns["mjd"]) - _MJD_OF_EPOCH) * _DAY)
    return TcsEvent(time, time, "ocd", "run_shot", "run", False, values, original)


def _track(shot: str) -> int | None:
    """Return the side that the shot's name ends in, as OCD numbers them."""
    sides = _TRACK.findall(shot)
    return {"E": _EAST, "W": _WEST}[sides[-1]] if sides else None


def _integer(name: str, text: str, original: dict[str, str]) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Unfit(name, text, "a whole number")
    if str(int(text)) != text:
        original[name] = text
    return int(text)


def _number(name: str, text: str, original: dict[str, str]) -> float | None:
    if text == _MISSING:
        return None
    if not _DECIMAL.fullmatch(text) or len(text) > 40:
        raise Unfit(name, text, f"a decimal number, or {_MISSING} where it is missing")
    value, exact = CONVERT_ALL(text)
    double = float(text)
    if not exact or type(value) is not float:
        original[name] = text
    return double


def _midnight(date: str) -> int:
    try:
        day = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise Unfit("obsdate", date, "a date such as 20170103") from None
    return int(day.timestamp()) * MICROS
