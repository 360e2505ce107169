"""What of the groups outlives the broker: members, generations and plans, as Kafka keeps them.

So members go on after a restart as if nothing had been, and who was fenced stays fenced.
"""

import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infra.broker.groups.group import Group
from infra.broker.groups.members import Member, State
from infra.broker.storage.checkpoint import boot_id
from infra.broker.storage.journal import GROUPS_FILE, Entry, Journal
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)


class Left(NamedTuple):
    """What a member had left of its session when the broker ended, in seconds."""

    group: str
    member: str
    seconds: float


class GroupStore:
    """A file with the last state of each group, safe from a crash once `keep` returns.

    Lines with an empty group id say when the broker began and ended.
    """

    def __init__(self, data_dir: Path) -> None:
        self._journal = Journal(data_dir / GROUPS_FILE)
        # now: once the topics are open, nobody knows any more that the machine went down
        self._found = self._journal.read()
        self._groups: dict[str, Group] = {}
        self._run: Sequence[Any] = ()  # the last begin or end: boot id, time of the end in µs, left

    def load(self) -> list[Group]:
        """Return the groups as they were; their clocks stand still until they are resumed."""
        for group_id, *state in self._found:
            if not group_id:
                self._run = state
            elif state:
                self._groups[group_id] = _group(group_id, self, *state)
            else:
                self._groups.pop(group_id, None)
        self._found = []
        return list(self._groups.values())

    def sessions(self) -> Callable[[str, str], float | None]:
        """Return what members have left of their sessions, by group and member; null: all of it.

        Nothing, if the machine was started anew: its processes are gone. Less, if the broker ended
        in good order a while ago: for members that died meanwhile nobody shall have to wait.
        """
        boot, *end = self._run or [boot_id()]
        if boot != boot_id():
            return lambda *_: 0
        if not end:
            return lambda *_: None
        ended_us, left = end
        passed_s = max(utc_micros() - ended_us, 0) / 1e6
        seconds = {(group, member): max(s - passed_s, 0) for group, member, s in left}
        return lambda group, member: seconds.get((group, member))

    def begin(self) -> None:
        """Write that a broker is running."""
        self._run = [boot_id()]
        self._write(["", *self._run])

    def end(self, left: list[Left]) -> None:
        """Write that the broker ends, sync and close the file."""
        self._run = [boot_id(), utc_micros(), left]
        self._write(["", *self._run])
        self._journal.close()

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
        yield ["", *self._run]
        yield from map(_entry, self._groups.values())


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
