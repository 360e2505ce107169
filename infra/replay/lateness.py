"""How late records went out: percentiles of a run of any length in a few kilobytes."""

from collections.abc import Sequence
from typing import Self

_DIGITS = 6  # binary digits kept: a percentile is at most 1/32 too high


class Lateness:
    """Counts of delays in µs, in buckets of 3 % width; the greatest is kept exactly."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.most = 0

    @classmethod
    def of(cls, others: Sequence["Lateness"]) -> Self:
        """Return the delays of several counts together."""
        both = cls()
        for other in others:
            both.most = max(both.most, other.most)
            for bucket, count in list(other._counts.items()):  # noqa: SLF001 its own kind
                both._counts[bucket] = both._counts.get(bucket, 0) + count
        return both

    def add(self, micros: int) -> None:
        """Count one delay; what was early is not late."""
        micros = max(micros, 0)
        self.most = max(self.most, micros)
        shift = max(micros.bit_length() - _DIGITS, 0)
        bucket = micros >> shift << shift
        self._counts[bucket] = self._counts.get(bucket, 0) + 1

    def percentile(self, share: float) -> int:
        """Return the delay (µs) that `share` (0 to 1) of the records did not exceed."""
        left = share * sum(self._counts.values())
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return min(self._upper(bucket), self.most)
        return self.most

    @staticmethod
    def _upper(bucket: int) -> int:
        return bucket + (1 << max(bucket.bit_length() - _DIGITS, 0)) - 1
