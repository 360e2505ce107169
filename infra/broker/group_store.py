"""What of the groups outlives the broker: members, generations and plans, as Kafka keeps them.

So members go on after a restart as if nothing had been, and who was fenced stays fenced.
"""

import logging
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.broker.group import Group
from infra.broker.journal import Entry, Journal
from infra.broker.members import Member, State

_LOG = logging.getLogger(__name__)
_FILE = "groups.log"


class GroupStore:
    """A file with the last state of each group, safe from a crash once `keep` returns."""

    def __init__(self, data_dir: Path) -> None:
        self._journal = Journal(data_dir / _FILE)
        self._groups: dict[str, Group] = {}

    def load(self) -> list[Group]:
        """Return the groups as they were; their clocks stand still until they are resumed."""
        for group_id, *state in self._journal.read():
            if state:
                self._groups[group_id] = _group(group_id, self, *state)
            else:
                self._groups.pop(group_id, None)
        return list(self._groups.values())

    def keep(self, group: Group) -> None:
        """Write the group as it is now.

        On a disk that refuses, the group goes on: its members would otherwise read nothing. After
        a crash they may then have to join anew.
        """
        self._groups[group.id] = group
        self._write(_entry(group))

    def forget(self, group_id: str) -> None:
        """Write that a group is no more."""
        if self._groups.pop(group_id, None) is not None:
            self._write([group_id])

    def _write(self, entry: Entry) -> None:
        try:
            self._journal.append([entry])
        except OSError as error:
            _LOG.error("group %s would not survive a crash of the broker: %s", entry[0], error)
        self._journal.shorten(self._entries)

    def _entries(self) -> Iterator[Entry]:
        return map(_entry, self._groups.values())

    def close(self) -> None:
        """Sync and close the file."""
        self._journal.close()


def _entry(group: Group) -> Entry:
    names = [group.state.value, group.protocol_type, group.protocol, group.leader]
    return [group.id, group.generation, *names, [_member_entry(m) for m in group.roster]]


def _member_entry(m: Member) -> Entry:
    protocols = [[name, b64encode(metadata).decode()] for name, metadata in m.protocols]
    assignment = b64encode(m.assignment).decode()
    said = [m.id, m.instance_id, m.client_id, m.client_host]
    return [*said, m.session_timeout_ms, m.rebalance_timeout_ms, protocols, assignment]


def _group(group_id: str, store: GroupStore, generation: int, state: str, *rest: Any) -> Group:
    group = Group(group_id, store.keep)
    group.generation, group.state = generation, State(state)
    group.protocol_type, group.protocol, group.leader, members = rest
    for entry in members:
        member = _member(*entry)
        member.synced = group.state is State.STABLE
        group.roster.by_id[member.id] = member
    return group


def _member(*entry: Any) -> Member:
    *said, protocols, assignment = entry
    member_id, instance_id, client_id, client_host, session_ms, rebalance_ms = said
    return Member(
        member_id,
        instance_id,
        client_id,
        client_host,
        session_ms,
        rebalance_ms,
        tuple((name, b64decode(metadata)) for name, metadata in protocols),
        b64decode(assignment),
    )
