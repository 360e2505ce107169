"""Which night an instant belongs to.

A night is the 24 h from a boundary hour (UTC), named by the date at its start or at its end: both
are settings of the site (HET: 18 and end; Rubin: 12 and start).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from schemas.errors import EvctlError
from schemas.utc import MICROS

_HOUR = 3600 * MICROS
_DAY = 24 * _HOUR
_EPOCH = date(1970, 1, 1)
_FIRST, _LAST = (date.min - _EPOCH).days, (date.max - _EPOCH).days


class NotANight(EvctlError):
    """The text names no night."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a night: nights are dates such as 2026-11-20.")


class NamedBy(StrEnum):
    """Which of a night's two dates is its name."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Nights:
    """How a site divides time into nights."""

    boundary_hour: int = 18
    named_by: NamedBy = NamedBy.END

    def number(self, time: int) -> int:
        """Return the night's number: days from 1970-01-01 to the date that names it.

        Instants outside of the years 1 to 9999 are counted to the first night or the last.
        """
        number = (time - self.boundary_hour * _HOUR) // _DAY + (self.named_by is NamedBy.END)
        if _FIRST <= number <= _LAST:
            return number
        return _FIRST if number < _FIRST else _LAST

    def name(self, time: int) -> str:
        """Return the date that names the night of an instant (µs UTC), as `YYYY-MM-DD`."""
        return name_of(self.number(time))

    def bounds(self, night: str) -> tuple[int, int]:
        """Return the night's first instant and the first one after it (µs UTC)."""
        days = number_of(night) - (self.named_by is NamedBy.END)
        start = days * _DAY + self.boundary_hour * _HOUR
        return start, start + _DAY


def observing_date(time: int) -> str:
    """Return the UTC date of an instant (µs UTC), by which OCD numbers observations.

    A night has two of them; of HET's hours of darkness it is the night's name.
    """
    return name_of(min(max(time // _DAY, _FIRST), _LAST))


def name_of(number: int) -> str:
    """Return the date of a night's number, as `Nights.number` returns it."""
    return (_EPOCH + timedelta(days=number)).isoformat()


def number_of(night: str) -> int:
    """Return the number of the night that a date names; raise `NotANight`."""
    try:
        named = datetime.strptime(night, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise NotANight(night) from None
    return (named - _EPOCH).days
