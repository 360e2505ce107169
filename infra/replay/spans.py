"""Lengths of time as people write them: `90`, `5ms`, `1h30m`."""

import re

from schemas.errors import EvctlError
from schemas.utc import MICROS

_UNITS = {
    "us": 1, "µs": 1, "ms": 1000, "s": MICROS, "m": 60 * MICROS, "min": 60 * MICROS,
    "h": 3600 * MICROS, "": MICROS,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(us|µs|ms|s|min|m|h|)\s*")


class NotASpan(EvctlError):
    """The text is no length of time."""

    exit_code = 2

    def __init__(self, text: str, what: str) -> None:
        super().__init__(
            f"{what} is {text!r}, and has to be a length of time: a number of seconds, or one with "
            "a unit (us, ms, s, m, h), such as 5ms or 1h30m."
        )
        self.text = text


def parse_span(text: str, what: str) -> int:
    """Return a length of time in µs; `what` names it where it is none, for `NotASpan`."""
    rest, total = text.strip(), 0.0
    while match := _PART.match(rest):
        number, unit = match.groups()
        total += float(number) * _UNITS[unit]
        rest = rest[match.end() :]
        if not unit:
            break
    if rest or not text.strip() or total >= 2**62:
        raise NotASpan(text, what)
    return round(total)


def said(micros: int) -> str:
    """Return a length of time for people: `1h30m`, `2.5s`, `5ms`."""
    if micros < MICROS:
        return f"{micros / 1000:g}ms"
    minutes, rest = divmod(micros, 60 * MICROS)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" * bool(hours), f"{minutes}m" * bool(minutes)]
    return "".join(parts) + f"{rest / MICROS:g}s" * bool(rest)
