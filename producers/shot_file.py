"""OCD's shot files: a shot a line, in seventeen columns, with comments behind `#`.

All that is wrong with a file is told at once.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import EvctlError
from schemas.events.shot_lists import EAST, WEST, Shot

SHOT_COLUMNS = ("shotid", "ra", "dec", "track", "priority", "n_obs", "forced_az")
METADATA_COLUMNS = (
    *("QIDX", "QPROG", "QOBJECT", "QIFU", "QRA", "QDEC", "QEQUINOX", "QPMRA", "QPMDEC", "QEPOCH"),
)
COLUMNS = (*SHOT_COLUMNS, *METADATA_COLUMNS)

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NO_AZIMUTH = -1.0
_TOLD_AT_MOST = 100


class Fault(NamedTuple):
    """What is wrong with a line: in which column, and what may stand there."""

    line: int
    column: str
    value: str
    allowed: str

    def said(self, path: Path) -> str:
        """Return the fault as one line of a message."""
        shown = repr(self.value) if len(self.value) <= 80 else f"{self.value[:77]!r}…"
        where = f"{path}:{self.line}: {f'column {self.column}: ' * bool(self.column)}"
        return f"{where}{shown} is not {self.allowed}"


class BadShotFile(EvctlError):
    """Lines of a shot file can't be read."""

    exit_code = 65

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        bad = len({fault.line for fault in faults})
        told = [f"  {fault.said(path)}" for fault in faults[:_TOLD_AT_MOST]]
        if len(faults) > _TOLD_AT_MOST:
            told.append(f"  … and {len(faults) - _TOLD_AT_MOST:,} faults more")
        if not all(fault.column for fault in faults):
            told.append(f"The columns are: {' '.join(COLUMNS)}")
        head = f"{path} has {bad:,} bad line{'s' * (bad != 1)}, none of it was taken:"
        super().__init__("\n".join([head, *told]))
        self.path, self.faults = path, tuple(faults)


class NoShots(EvctlError):
    """The file has no line with a shot."""

    exit_code = 65

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no shots: a line each, of the columns {' '.join(COLUMNS)}.")
        self.path = path


class ShotFileUnreadable(EvctlError):
    """There is no such file, or none that may be read."""

    exit_code = 66

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The shot file {path} can't be read: {reason}.")
        self.path = path


class _Unfit(ValueError):
    """A value is not what its column allows."""


def read(path: Path) -> Sequence[Shot]:
    """Return the shots of a file in its order.

    Raises `BadShotFile` with every fault of every line, `NoShots` and `ShotFileUnreadable`.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as fault:
        raise ShotFileUnreadable(path, fault.strerror or str(fault)) from fault
    faults: list[Fault] = []
    shots: list[Shot] = []
    at: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        shot = _shot(line, number, faults)
        if shot is None:
            continue
        first = at.setdefault(shot.shotid, number)
        if first != number:
            allowed = f"one of its own: line {first} has it already"
            faults.append(Fault(number, "shotid", shot.shotid, allowed))
        shots.append(shot)
    if faults:
        raise BadShotFile(path, faults)
    if not shots:
        raise NoShots(path)
    return tuple(shots)


def _shot(line: bytes, number: int, faults: list[Fault]) -> Shot | None:
    """Return the shot of a line; none if there is none, or if faults were added."""
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        faults.append(Fault(number, "", line.decode("utf-8", "replace"), "UTF-8"))
        return None
    words = text.split()
    if text.startswith("#"):
        _check_header(text.lstrip("#").split(), number, faults)
        return None
    if not words:
        return None
    if len(words) != len(COLUMNS):
        allowed = f"a shot, which has {len(COLUMNS)} columns (it has {len(words)})"
        faults.append(Fault(number, "", text, allowed))
        return None
    return _of_columns(dict(zip(COLUMNS, words, strict=True)), number, faults)


def _check_header(words: Sequence[str], number: int, faults: list[Fault]) -> None:
    """Refuse a comment that names other columns, or in another order."""
    if words[:1] == ["shotid"] and tuple(words) != COLUMNS:
        faults.append(Fault(number, "", " ".join(words), "the header of these columns"))


def _of_columns(columns: dict[str, str], number: int, faults: list[Fault]) -> Shot | None:
    found: dict[str, Any] = {"shotid": columns["shotid"]}
    before = len(faults)
    for name, (read_value, allowed) in _VALUES.items():
        try:
            found[name] = read_value(columns[name])
        except _Unfit:
            faults.append(Fault(number, name, columns[name], allowed))
    if len(faults) > before:
        return None
    if side := _contradicted(found["track"], found["forced_az"]):
        allowed = f"an azimuth in the {side}, which track {found['track']} forces"
        faults.append(Fault(number, "forced_az", columns["forced_az"], allowed))
        return None
    metadata = {name: columns[name] for name in METADATA_COLUMNS}
    return Shot(**found, metadata=metadata)


def _contradicted(track: int, azimuth: float | None) -> str | None:
    """Return the side that a track forces if an azimuth is on the other."""
    if azimuth is None or azimuth in {0, 180}:
        return None
    if track == EAST and azimuth > 180:
        return "east"
    return "west" if track == WEST and azimuth < 180 else None


def _number(least: float, below: float) -> Callable[[str], float]:
    def value(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not least <= float(text) < below:
            raise _Unfit
        return float(text)

    return value


def _whole(*allowed: int) -> Callable[[str], int]:
    def value(text: str) -> int:
        if not _WHOLE.fullmatch(text) or (allowed and int(text) not in allowed):
            raise _Unfit
        return int(text)

    return value


def _count(text: str) -> int:
    count = _whole()(text)
    if count < 0:
        raise _Unfit
    return count


def _azimuth(text: str) -> float | None:
    if _DECIMAL.fullmatch(text) and float(text) == _NO_AZIMUTH:
        return None
    return _number(0, 360)(text)


_POLE = 90.000000001

_VALUES: dict[str, tuple[Callable[[str], Any], str]] = {
    "ra": (_number(0, 24), "a right ascension in hours, 0 to 24 (24 is 0)"),
    "dec": (_number(-90, _POLE), "a declination in degrees, -90 to 90"),
    "track": (_whole(0, 1, 2), "0 (east), 1 (west) or 2 (either)"),
    "priority": (_whole(), "a whole number"),
    "n_obs": (_count, "a number of visits, 0 or more"),
    "forced_az": (_azimuth, "an azimuth in degrees, 0 to 360 (360 is 0), or -1 for none"),
}
