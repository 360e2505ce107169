"""Answers to operators' requests about consumer groups: list, describe, delete."""

import logging
from typing import Any

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.group import Group
from infra.broker.groups.members import Member, State
from infra.broker.groups.registry import Groups

_LOG = logging.getLogger(__name__)
Values = dict[str, object]
_DEAD = "Dead"  # what Kafka says of a group that it does not know
_ALL_OPERATIONS = 1 << 3 | 1 << 6 | 1 << 8  # read, delete, describe
_NOT_ASKED_FOR = -(2**31)


def list_groups(groups: Groups, request: Any) -> Values:
    """List all groups, or those in the states that are asked for."""
    wanted = {state.lower() for state in getattr(request, "states_filter", ())}
    listed = []
    for group_id in groups.ids():
        group = groups.get(group_id)
        state = State.EMPTY if group is None else group.state
        if not wanted or state.value.lower() in wanted:
            kind = "" if group is None else group.protocol_type
            listed.append({"group_id": group_id, "protocol_type": kind, "group_state": state.value})
    return {"error_code": Code.NONE, "groups": listed}


def describe_groups(groups: Groups, request: Any) -> Values:
    """Tell state and members of groups."""
    include = getattr(request, "include_authorized_operations", False)
    known = set(groups.ids())
    described = []
    for group_id in request.groups:
        values = _describe(groups.get(group_id), exists=group_id in known)
        operations = _ALL_OPERATIONS if include else _NOT_ASKED_FOR
        described.append({"group_id": group_id, "authorized_operations": operations} | values)
    return {"groups": described}


def _describe(group: Group | None, *, exists: bool) -> Values:
    values: Values = {"error_code": Code.NONE, "protocol_type": "", "protocol_data": ""}
    if group is None:
        return values | {"group_state": State.EMPTY.value if exists else _DEAD, "members": []}
    stable = group.state is State.STABLE
    return values | {
        "group_state": group.state.value,
        "protocol_type": group.protocol_type,
        "protocol_data": group.protocol if stable else "",
        "members": [_member(m, group.protocol if stable else None) for m in group.roster],
    }


def _member(member: Member, protocol: str | None) -> Values:
    """Describe a member; metadata and assignment are only told of a stable group."""
    return {
        "member_id": member.id,
        "group_instance_id": member.instance_id,
        "client_id": member.client_id,
        "client_host": member.client_host,
        "member_metadata": b"" if protocol is None else member.metadata(protocol),
        "member_assignment": b"" if protocol is None else member.assignment,
    }


def delete_groups(groups: Groups, request: Any) -> Values:
    """Delete groups without members, and what they committed."""
    return {"results": [_delete(groups, group_id) for group_id in request.groups_names]}


def _delete(groups: Groups, group_id: str) -> Values:
    code = Code.NONE
    try:
        groups.delete(group_id)
    except ProtocolError as refused:
        code = refused.code
    except OSError as error:
        _LOG.error("group %s is not deleted: %s", group_id, error)
        code = Code.KAFKA_STORAGE_ERROR
    return {"group_id": group_id, "error_code": code}
