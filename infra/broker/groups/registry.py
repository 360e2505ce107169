"""All consumer groups by id: who may begin one, which there are, and when one is forgotten."""

import asyncio
from functools import partial
from pathlib import Path

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.group import MOST_METADATA, Group
from infra.broker.groups.members import Claim, Joined, JoinRequest, State, stop
from infra.broker.groups.offsets import CommittedOffsets
from infra.broker.groups.store import GroupStore, Left
from infra.broker.groups.subscription import PROTOCOL_TYPE

_SESSION_MS = (6_000, 1_800_000)  # Kafka's group.min/max.session.timeout.ms
_SWEEP_S = 600  # Kafka's offsets.retention.check.interval.ms


class Groups:
    """Groups with members or with committed offsets; one with neither is forgotten in time."""

    def __init__(self, data_dir: Path, offsets: CommittedOffsets) -> None:
        self._store = GroupStore(data_dir)
        self._offsets = offsets
        self._groups: dict[str, Group] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Let the members that were there before go on."""
        groups = self._store.load()
        left = self._store.sessions()
        self._store.begin()
        for group in groups:
            self._groups[group.id] = group
            group.resume(partial(left, group.id))
        self._sweep()

    def get(self, group_id: str) -> Group | None:
        """Return a group that has or had members."""
        return self._groups.get(group_id)

    def of_member(self, group_id: str) -> Group:
        """Return the group that a member speaks of; raises `ProtocolError` if there is none."""
        _check_id(group_id)
        group = self._groups.get(group_id)
        if group is None:
            raise ProtocolError(Code.UNKNOWN_MEMBER_ID, f"group {group_id} has no members")
        return group

    def join(self, request: JoinRequest) -> asyncio.Future[Joined] | str:
        """Take a member in, or give a newcomer the id that it has to join with."""
        _check_id(request.group)
        _check_limits(request)
        if request.member_id:
            return self.of_member(request.group).join(request)
        group = self._groups.get(request.group) or Group(request.group, self._store.keep)
        asks_back = request.needs_known_id and request.instance_id is None
        outcome = group.reserve(request) if asks_back else group.join(request)
        self._groups[request.group] = group
        return outcome

    def check_commit(self, group_id: str, claim: Claim, *, transactional: bool = False) -> None:
        """Raise `ProtocolError` if the sender may not commit offsets of the group now."""
        group = self._groups.get(group_id)
        if group is not None:
            group.check_commit(claim, transactional=transactional)
        elif claim.generation >= 0:
            raise ProtocolError(Code.ILLEGAL_GENERATION, f"group {group_id} has no generations")

    def ids(self) -> list[str]:
        """Return the ids of all groups, also of those that have offsets only."""
        return sorted(self._offsets.groups() | self._groups.keys())

    def delete(self, group_id: str) -> None:
        """Forget a group and its offsets; raises `ProtocolError` while it has members."""
        self._check_exists(group_id)
        group = self._groups.get(group_id)
        if group is not None and group.state is not State.EMPTY:
            raise ProtocolError(Code.NON_EMPTY_GROUP, f"group {group_id} has members")
        self._offsets.forget_group(group_id)
        if group is not None:
            self._forget(group)

    def check_forgets(self, group_id: str) -> None:
        """Raise `ProtocolError` if single offsets of the group can't be deleted."""
        self._check_exists(group_id)
        group = self._groups.get(group_id)
        if group is None or group.state is State.EMPTY:
            return
        if group.protocol_type != PROTOCOL_TYPE:
            raise ProtocolError(Code.NON_EMPTY_GROUP, f"group {group_id} has members")

    def _check_exists(self, group_id: str) -> None:
        if group_id not in self._groups and group_id not in self._offsets.groups():
            raise ProtocolError(Code.GROUP_ID_NOT_FOUND, f"there is no group {group_id}")

    def _sweep(self) -> None:
        """Forget groups that nobody has joined for a while and that committed nothing."""
        used = self._offsets.groups()
        for group in list(self._groups.values()):
            alone = group.state is State.EMPTY and not group.roster.pending
            if alone and group.id not in used:
                self._forget(group)
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def _forget(self, group: Group) -> None:
        group.close()
        del self._groups[group.id]
        self._store.forget(group.id)

    def close(self) -> None:
        """Stop all timers and close the file."""
        stop(self._sweeping)
        left = []
        for group in self._groups.values():
            left += [Left(group.id, m.id, group.roster.session_left(m)) for m in group.roster]
            group.close()
        self._store.end(left)


def _check_id(group_id: str) -> None:
    if not group_id:
        raise ProtocolError(Code.INVALID_GROUP_ID, "the group id is empty")


def _check_limits(request: JoinRequest) -> None:
    if not _SESSION_MS[0] <= request.session_timeout_ms <= _SESSION_MS[1]:
        raise ProtocolError(
            Code.INVALID_SESSION_TIMEOUT,
            f"session timeout {request.session_timeout_ms} ms, allowed {_SESSION_MS}",
        )
    size = sum(len(metadata) for _, metadata in request.protocols)
    if size > MOST_METADATA:
        raise ProtocolError(
            Code.MESSAGE_TOO_LARGE,
            f"a member's metadata of {size} bytes, the limit is {MOST_METADATA}",
        )
