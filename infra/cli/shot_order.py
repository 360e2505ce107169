"""A shot's order from the words of a command line."""

import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from schemas.events.shots import EAST, WEST
from schemas.events.tcs import Value

MOST_NUMBER = 9_999_999
"""The directory of an observation has seven digits."""


class YesNo(StrEnum):
    """What options of OCD take."""

    YES = "yes"
    NO = "no"


def truth(given: YesNo | None) -> bool | None:
    """Return what an option says, none where it is not given."""
    return None if given is None else given is YesNo.YES


def absolute(path: Path | None) -> str | None:
    """Return a path as a worker elsewhere takes it."""
    return None if path is None else str(path.absolute())


def shot_id(text: str) -> str:
    """Return the id of a shot; raise `BadParameter` for one that nobody could see."""
    if not text.strip() or not text.isprintable():
        raise typer.BadParameter(f"shotid is {text!r}, which names no shot")
    return text


def right_ascension(text: str) -> float:
    """Return hours, 0 to below 24, of a number or of 11:03:54; raise `BadParameter`."""
    return _within("ra", text, _angle("ra", text, "hourangle"), (0, 24), "hours")


def declination(text: str) -> float:
    """Return degrees, -90 to 90, of a number or of -12:30:00; raise `BadParameter`."""
    return _within("dec", text, _angle("dec", text, "deg"), (-90, 90), "degrees")


def azimuth(text: str) -> float:
    """Return degrees, 0 to 360; raise `BadParameter`."""
    return _within("azimuth", text, _number("azimuth", text), (0, 360), "degrees")


def obs_number(text: str) -> int:
    """Return an observation number, from 1 on; raise `BadParameter`."""
    return _whole("obs_number", text, 1, MOST_NUMBER, f"1 to {MOST_NUMBER}")


def track(text: str) -> int:
    """Return a track; raise `BadParameter`."""
    return _whole("the track", text, EAST, WEST, f"{EAST} (east) or {WEST} (west)")


def exposure_time(name: str) -> Callable[[str], float]:
    """Return what reads an exposure time (s), up to a day; raises `BadParameter`."""

    def read(text: str) -> float:
        seconds = _within(name, text, _number(name, text), (0, 86_400), "seconds")
        if seconds == 0:
            raise typer.BadParameter(f"{name} is {text}, and an exposure takes longer than that")
        return seconds

    return read


def metadata(text: str | None) -> Mapping[str, Value]:
    """Return a JSON dictionary of what TCS takes as values; raise `BadParameter`."""
    if text is None:
        return {}
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as fault:
        raise typer.BadParameter(f"--metadata is not JSON: {fault}") from fault
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise typer.BadParameter(f"--metadata is a JSON {kind}, and has to be a dictionary")
    for name, value in found.items():
        _check(name, value)
    return found


def _check(name: str, value: Any) -> None:
    try:
        json.dumps([name, value], ensure_ascii=False).encode()
    except UnicodeEncodeError as fault:
        raise typer.BadParameter(f"--metadata: {name!r} has half a character: {fault}") from fault
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, list | dict):
            kind = "list in a list" if isinstance(value, list) else "dictionary"
            raise typer.BadParameter(
                f"--metadata: {name!r} is a {kind}; TCS takes text, numbers, true, false, null and "
                "flat lists of them"
            )
        if isinstance(item, int) and not -(2**63) <= item < 2**63:
            raise typer.BadParameter(f"--metadata: {name!r} is {item}, which 64 bits do not hold")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _angle(name: str, text: str, unit: str) -> float:
    try:
        return float(text)
    except ValueError:
        from astropy.coordinates import Angle  # noqa: PLC0415 half a second

        try:
            with warnings.catch_warnings(action="error"):  # of minutes and seconds of 60
                return float(Angle(text, unit=unit).to_value(unit))
        except Warning:
            raise typer.BadParameter(
                f"{name} is {text!r}, and minutes and seconds of an angle are below 60"
            ) from None
        except (ValueError, TypeError) as fault:  # UnitsError is a ValueError, too
            raise typer.BadParameter(f"{name} is {text!r}, which is no angle: {fault}") from fault


def _whole(name: str, text: str, least: int, most: int, allowed: str) -> int:
    value = int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else None
    if value is None or not least <= value <= most:
        raise typer.BadParameter(f"{name} is {text!r}, and has to be {allowed}")
    return value


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{name} is {text!r}, which is no number") from None


def _within(name: str, text: str, value: float, limits: tuple[float, float], unit: str) -> float:
    low, high = limits
    if not (low <= value <= high and math.isfinite(value)) or (unit == "hours" and value == high):
        raise typer.BadParameter(f"{name} is {text}, and has to be {low:g} to {high:g} {unit}")
    return value
