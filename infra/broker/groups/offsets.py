"""Committed offsets of consumer groups."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from infra.broker.storage.journal import OFFSETS_FILE, Entry, Journal


class Committed(NamedTuple):
    """A committed offset: the next one to read, with the client's epoch and note."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


Key = tuple[str, str, int]  # group, topic, partition
Change = tuple[Key, Committed | None]


class CommittedOffsets:
    """The offsets of all groups; a change is in the file, safe from a crash, when `commit` returns.

    They are kept until their group or their topic is deleted, whether the group is alive or not.
    `pending` counts, for each partition of a group, the open transactions that may still commit it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._journal = Journal(data_dir / OFFSETS_FILE)
        self._offsets: dict[str, dict[tuple[str, int], Committed]] = {}
        self.pending: Counter[Key] = Counter()
        for group, topic, partition, *committed in self._journal.read():
            self._apply((group, topic, partition), Committed(*committed) if committed else None)

    def _apply(self, key: Key, committed: Committed | None) -> None:
        group, topic, partition = key
        of_group = self._offsets.setdefault(group, {})
        if committed is None:
            of_group.pop((topic, partition), None)
        else:
            of_group[topic, partition] = committed
        if not of_group:
            del self._offsets[group]

    def commit(self, changes: Iterable[Change]) -> None:
        """Write and apply changes, all or none; raises `OSError` if the disk refuses."""
        changes = list(changes)
        self._journal.append(_entry(*change) for change in changes)
        for key, committed in changes:
            self._apply(key, committed)
        self._journal.shorten(self._entries)

    def _entries(self) -> Iterator[Entry]:
        for group, offsets in self._offsets.items():
            for (topic, partition), committed in offsets.items():
                yield _entry((group, topic, partition), committed)

    def get(self, group: str, topic: str, partition: int) -> Committed | None:
        """Return what `group` committed for a partition."""
        return self._offsets.get(group, {}).get((topic, partition))

    def groups(self) -> set[str]:
        """Return the groups that have committed something."""
        return set(self._offsets)

    def of_group(self, group: str) -> dict[str, dict[int, Committed]]:
        """Return all that `group` committed, by topic and partition."""
        found: dict[str, dict[int, Committed]] = {}
        for (topic, partition), committed in self._offsets.get(group, {}).items():
            found.setdefault(topic, {})[partition] = committed
        return found

    def forget_group(self, group: str) -> None:
        """Drop all that `group` committed."""
        self.forget([(group, *partition) for partition in self._offsets.get(group, {})])

    def forget_topic(self, topic: str) -> None:
        """Drop the offsets of a topic that is deleted: a new one of its name begins anew."""
        self.forget(
            [
                (group, name, partition)
                for group, offsets in self._offsets.items()
                for name, partition in offsets
                if name == topic
            ]
        )

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop single offsets, all or none."""
        known = [key for key in keys if self.get(*key) is not None]
        if known:
            self.commit((key, None) for key in known)

    def descriptor(self) -> int:
        """Return a copy of the file's descriptor, to sync what was committed."""
        return self._journal.descriptor()

    def close(self) -> None:
        """Sync and close the file."""
        self._journal.close()


def _entry(key: Key, committed: Committed | None) -> Entry:
    return [*key, *(committed or ())]
