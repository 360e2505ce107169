"""How closely records follow each other, which decides how they are sent."""

from enum import Enum

_JUDGED_S = 0.6
"""Over so long, and twice, so that a short burst changes nothing; to connect takes as long."""

_DENSE, _SPARSE = 25_000, 10_000
"""Records a second from which on they are a crowd, and down to which they stay one."""


class Sending(Enum):
    """How records are sent; the value says for how long the client gathers them, in ms.

    A record that is sent by itself costs the log a request. Where that would be tens of thousands
    a second, the log falls behind by more than the little time in which they are gathered.
    """

    ALONE = 0.0
    IN_CROWDS = 1.5
    FLAT_OUT = 20.0


class Crowding:
    """Judges how closely records followed each other: twice, before they are a crowd.

    `nears` says that they were dense once, so that what is needed for a crowd can be made ready.
    """

    def __init__(self) -> None:
        self.crowded = self.nears = False
        self._records, self._since = 0, 0.0

    def begin(self, records: int, now: float) -> None:
        """Count from here on: what comes before stands still, or goes at another speed."""
        self._records, self._since = records, now

    def judge(self, records: int, now: float) -> None:
        """Judge anew, if it is time to; `records` went out until `now` (s, monotonic)."""
        if now - self._since >= _JUDGED_S:
            rate = (records - self._records) / (now - self._since)
            dense = rate > (_SPARSE if self.crowded else _DENSE)
            self.crowded, self.nears = dense and (self.crowded or self.nears), dense
            self.begin(records, now)
