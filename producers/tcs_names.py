"""Which TCS events are wanted, by their names: `system.source.key`, or patterns of them."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import takewhile

_WILD = frozenset("*?[")
_REMEMBERED = 4096
"""Names whose answer is kept: an observatory has some hundreds."""


class Names:
    """Names and patterns (`pas.*`, `pas.Guider?.metrology_data`); without any, every name is one.

    `prefixes` is what ZeroMQ can tell by itself: how the names begin.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns: Sequence[str] = tuple(dict.fromkeys(patterns))
        self.prefixes: Sequence[str] = tuple(dict.fromkeys(map(_beginning, self.patterns))) or ("",)
        self._has = lru_cache(_REMEMBERED)(self._any)

    def have(self, name: str) -> bool:
        """Tell whether a name is among them."""
        return not self.patterns or self._has(name)

    def _any(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


def _beginning(pattern: str) -> str:
    return "".join(takewhile(lambda letter: letter not in _WILD, pattern))
