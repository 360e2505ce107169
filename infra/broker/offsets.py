"""Committed offsets of consumer groups: a file of changes, rewritten when it has grown."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from crc32c import crc32c

from infra.broker import files

_FILE = "committed-offsets.log"
_REWRITE_LINES = 10_000  # and only when most of the lines are outdated


class Committed(NamedTuple):
    """A committed offset: the next one to read, with the client's epoch and note."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


Key = tuple[str, str, int]  # group, topic, partition
Change = tuple[Key, Committed | None]


class CommittedOffsets:
    """The offsets of all groups; a change is in the file, safe from a crash, when `commit` returns.

    They are kept until their topic is deleted, whether their group is alive or not.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _FILE
        self._offsets: dict[Key, Committed] = {}
        self._lines = 0
        self._size = 0
        self._load()
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, self._size)

    def _load(self) -> None:
        """Read the changes up to the first line that a crash has torn."""
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines(keepends=True):
            checksum, _, content = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % crc32c(content):
                return
            group, topic, partition, *committed = json.loads(content)
            self._apply((group, topic, partition), Committed(*committed) if committed else None)
            self._lines += 1
            self._size += len(line)

    def _apply(self, key: Key, committed: Committed | None) -> None:
        if committed is None:
            self._offsets.pop(key, None)
        else:
            self._offsets[key] = committed

    def commit(self, changes: Iterable[Change]) -> None:
        """Write and apply changes, all or none; raises `OSError` if the disk refuses."""
        changes = list(changes)
        content = b"".join(_line(*change) for change in changes)
        try:
            files.write_at(self._fd, content, self._size)
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(content)
        self._lines += len(changes)
        for key, committed in changes:
            self._apply(key, committed)
        if self._lines > max(_REWRITE_LINES, 4 * len(self._offsets)):
            self._rewrite()

    def _rewrite(self) -> None:
        content = b"".join(_line(*item) for item in self._offsets.items())
        files.replace(self._path, content)
        os.close(self._fd)
        self._fd = os.open(self._path, os.O_RDWR)
        self._lines, self._size = len(self._offsets), len(content)

    def get(self, group: str, topic: str, partition: int) -> Committed | None:
        """Return what `group` committed for a partition."""
        return self._offsets.get((group, topic, partition))

    def of_group(self, group: str) -> dict[str, dict[int, Committed]]:
        """Return all that `group` committed, by topic and partition."""
        found: dict[str, dict[int, Committed]] = {}
        for (owner, topic, partition), committed in self._offsets.items():
            if owner == group:
                found.setdefault(topic, {})[partition] = committed
        return found

    def forget_topic(self, topic: str) -> None:
        """Drop the offsets of a topic that is deleted: a new one of its name begins anew."""
        gone = [key for key in self._offsets if key[1] == topic]
        if gone:
            self.commit((key, None) for key in gone)

    def close(self) -> None:
        """Sync and close the file."""
        files.sync_data(self._fd)
        os.close(self._fd)


def _line(key: Key, committed: Committed | None) -> bytes:
    content = json.dumps([*key, *(committed or ())]).encode()
    return b"%08x %s\n" % (crc32c(content), content)
