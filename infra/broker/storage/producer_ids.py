"""Ids of idempotent producers, from blocks that are on the disk first: none is used twice."""

import json
from pathlib import Path

from infra.broker.storage import files

_FILE = "producer-ids.json"
_BLOCK = 1000


class ProducerIds:
    """Hands out ids; the rest of a block is lost when the broker ends."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _FILE
        try:
            self._next: int = json.loads(self._path.read_bytes())["next_block"]
        except FileNotFoundError:
            self._next = 0
        self._end = self._next

    def fresh(self) -> int:
        """Return an id that was never returned before."""
        if self._next == self._end:
            self._end += _BLOCK
            files.replace(self._path, json.dumps({"next_block": self._end}).encode())
        self._next += 1
        return self._next - 1
