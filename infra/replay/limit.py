"""How late a replay's records may be, where somebody counts on it."""

from math import isfinite
from typing import NamedTuple, Self

from infra.replay.report import Report
from infra.replay.spans import parse_span
from schemas.errors import EvctlError


class NoDeadlines(EvctlError):
    """Lateness is limited where nothing can be late."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__(
            "--require-lateness needs deadlines, and --speed max has none: give a factor."
        )


class TooLate(EvctlError):
    """Records went out later than was required."""

    exit_code = 1

    def __init__(self, late: float, limit: float) -> None:
        super().__init__(
            f"Lateness p99 is {late:g} ms, and --require-lateness allows {limit:g} ms: play "
            "slower, or where less else is done."
        )
        self.late, self.limit = late, limit


class LatenessLimit(NamedTuple):
    """The lateness (ms) that 99 % of the records have to keep."""

    millis: float

    @classmethod
    def of(cls, text: str, speed: float) -> Self:
        """Return the limit that a text names; raise `NotASpan`, or `NoDeadlines`."""
        if not isfinite(speed):
            raise NoDeadlines
        return cls(parse_span(text, "--require-lateness") / 1000)

    def check(self, report: Report) -> None:
        """Raise `TooLate` unless the records of a replay kept it."""
        late = report.lateness_p99 or 0.0
        if late > self.millis:
            raise TooLate(late, self.millis)
