"""A client that sends single requests of any version, and nothing on its own account."""

import io
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Self, get_args

from kio.index import load_request_schema, load_response_schema
from kio.serial import entity_reader, entity_writer

ILLEGAL_GENERATION, UNKNOWN_MEMBER, MEMBER_ID_REQUIRED = 22, 25, 79
SUBSCRIPTION = b"\0\0" + b"\0\0\0\1" + b"\0\1t" + b"\xff\xff\xff\xff"  # to topic "t"
KEYS = {
    "Produce": 0,
    "Fetch": 1,
    "OffsetCommit": 8,
    "OffsetFetch": 9,
    "FindCoordinator": 10,
    "JoinGroup": 11,
    "Heartbeat": 12,
    "LeaveGroup": 13,
    "SyncGroup": 14,
    "DescribeGroups": 15,
    "ListGroups": 16,
    "SaslHandshake": 17,
    "InitProducerId": 22,
    "SaslAuthenticate": 36,
    "DeleteGroups": 42,
    "OffsetDelete": 47,
}


class RawClient:
    """One connection; values are given and taken by kio's names of the fields."""

    def __init__(self, config: Mapping[str, Any], client_id: str = "raw") -> None:
        host, _, port = config["bootstrap.servers"].partition(",")[0].rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._client_id = client_id
        self._numbers = count()
        if "sasl.password" in config:
            self.ask("SaslHandshake", 1, mechanism=config["sasl.mechanism"])
            token = f"\0{config['sasl.username']}\0{config['sasl.password']}".encode()
            assert self.ask("SaslAuthenticate", 2, auth_bytes=token).error_code == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, api: str, version: int, **values: Any) -> Any:
        """Send a request and return its answer."""
        self.send(api, version, **values)
        return self.answer(api, version)

    def send(self, api: str, version: int, **values: Any) -> None:
        """Send a request whose answer is taken later."""
        kind = load_request_schema(KEYS[api], version)
        out = io.BytesIO()
        entity_writer(kind)(out, _build(kind, values))
        name = self._client_id.encode()
        header = struct.pack(">hhih", KEYS[api], version, next(self._numbers), len(name)) + name
        frame = header + (b"\0" if kind.__flexible__ else b"") + out.getvalue()
        self._socket.sendall(struct.pack(">i", len(frame)) + frame)

    def answer(self, api: str, version: int) -> Any:
        """Return the next answer, to a request of that kind; every byte of it must be known."""
        kind = load_response_schema(KEYS[api], version)
        (length,) = struct.unpack(">i", self._read(4))
        frame = self._read(length)
        start = 5 if kind.__flexible__ else 4
        found, size = entity_reader(kind)(frame, start)
        assert start + size == length
        return found

    def _read(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            part = self._socket.recv(length - len(content))
            assert part, "the broker closed the connection"
            content += part
        return content


def _build(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return a structure of kio's from plain values; those that a version lacks are left out."""
    known = {}
    for field in fields(kind):
        if field.name not in values:
            continue
        value = values[field.name]
        nested = [a for a in _arguments(field.type) if isinstance(a, type) and is_dataclass(a)]
        if str(field.metadata.get("kafka_type", "")).startswith("timedelta"):
            value = timedelta(milliseconds=value)
        elif isinstance(value, list):
            value = tuple(_build(nested[0], v) if nested else v for v in value)
        known[field.name] = value
    return kind(**known)


def _arguments(annotation: Any) -> list[Any]:
    found = list(get_args(annotation))
    return found + [inner for argument in found for inner in get_args(argument)]


def coordinator(config: Mapping[str, Any], group: str, client_id: str = "raw") -> RawClient:
    """Return a connection to the broker that coordinates a group, once it does."""
    nobody = {"member_id": "nobody", "generation_id": 0, "group_instance_id": None}
    deadline = time.monotonic() + 60
    while True:
        with RawClient(config) as client:
            found = client.ask("FindCoordinator", 3, key=group, key_type=0)
        if found.error_code == 0:
            place = {"bootstrap.servers": f"{found.host}:{found.port}"}
            client = RawClient({**config, **place}, client_id)
            answer = client.ask("Heartbeat", 4, group_id=group, **nobody)
            if answer.error_code in {ILLEGAL_GENERATION, UNKNOWN_MEMBER}:
                return client
            client.close()
        assert time.monotonic() < deadline, found


class RawMember:
    """A member of a group on a connection of its own; it sends what the test says, no more."""

    def __init__(self, config: Mapping[str, Any], group: str, **options: Any) -> None:
        self.client = coordinator(config, group, options.pop("client_id", "raw"))
        self.group = group
        self.options = options  # of all its requests: the instance id
        self.member_id = ""
        self.generation = -1
        self.joined: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def begin_join(self, version: int = 9, **values: Any) -> None:
        """Send a JoinGroup; where the broker asks for it, once more with the id it gives."""
        defaults = {
            "group_id": self.group,
            "session_timeout": 30_000,
            "rebalance_timeout": 30_000,
            "member_id": self.member_id,
            "group_instance_id": None,
            "protocol_type": "consumer",
            "protocols": [{"name": "range", "metadata": SUBSCRIPTION}],
            "reason": None,
        }
        self._join_version = version
        self.client.send("JoinGroup", version, **(defaults | self.options | values))

    def end_join(self) -> Any:
        """Wait for the answer, and keep what it says."""
        self.joined = self.client.answer("JoinGroup", self._join_version)
        if self.joined.member_id:
            self.member_id = self.joined.member_id
        if self.joined.error_code == 0:
            self.generation = self.joined.generation_id
        return self.joined

    def join(self, version: int = 9, **values: Any) -> Any:
        """Join and wait for the generation."""
        self.begin_join(version, **values)
        joined = self.end_join()
        if joined.error_code == MEMBER_ID_REQUIRED and "member_id" not in values:
            return self.join(version, **values)
        return joined

    def ask(self, api: str, version: int, **values: Any) -> Any:
        """Send a request as this member."""
        own = {
            "group_id": self.group,
            "member_id": self.member_id,
            "generation_id": self.generation,
            "generation_id_or_member_epoch": self.generation,
            "group_instance_id": None,
            "retention_time": -1,
            "protocol_type": "consumer",
            "protocol_name": "range",
            "assignments": [],
        }
        return self.client.ask(api, version, **(own | self.options | values))

    def sync(self, plan: Mapping[str, bytes] | None = None, version: int = 5) -> Any:
        """Sync; the leader brings the plan, each member's part by its id."""
        parts = (plan or {}).items()
        assignments = [{"member_id": m, "assignment": part} for m, part in parts]
        return self.ask("SyncGroup", version, assignments=assignments)

    def heartbeat(self, version: int = 4, **values: Any) -> int:
        """Return the error code of a heartbeat."""
        return int(self.ask("Heartbeat", version, **values).error_code)

    def commit(self, topic: str, offset: int, version: int = 8, **values: Any) -> int:
        """Return the error code of a commit for partition 0."""
        partition = {
            "partition_index": values.pop("partition", 0),
            "committed_offset": offset,
            "committed_leader_epoch": -1,
            "committed_metadata": values.pop("metadata", ""),
        }
        topics = [{"name": topic, "partitions": [partition]}]
        answer = self.ask("OffsetCommit", version, topics=topics, **values)
        return int(answer.topics[0].partitions[0].error_code)

    def leave(self, version: int = 5, **values: Any) -> Any:
        """Leave the group."""
        instance_id = self.options.get("group_instance_id")
        one = {"member_id": self.member_id, "group_instance_id": instance_id, "reason": None}
        return self.ask("LeaveGroup", version, members=[one], **values)
