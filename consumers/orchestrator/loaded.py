"""The list of shots in force, as the orchestrator's state keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas import avro
from schemas.events.shot_lists import Shot


@dataclass(frozen=True, slots=True)
class _Shots:
    """A list of shots, as it is written down."""

    shots: Sequence[Shot]


_pack = avro.writer(_Shots)
_unpack = avro.reader(avro.schema_of(_Shots), _Shots)


@lru_cache(maxsize=8)
def _unpacked(packed: bytes) -> tuple[Shot, ...]:
    return tuple(_unpack(packed, 0).shots)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The list of shots in force.

    It is kept as bytes: a state is written down every few seconds, and 3,000 shots take 30 ms.
    """

    digest: str
    packed: bytes

    @classmethod
    def of(cls, digest: str, shots: Sequence[Shot]) -> "Loaded":
        """Return a list."""
        return cls(digest, _pack(_Shots(shots)))

    @property
    def shots(self) -> Sequence[Shot]:
        """The shots; of the same list they are the same objects."""
        return _unpacked(self.packed)
