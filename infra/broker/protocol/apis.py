"""The APIs that this broker speaks, with their versions and who answers them.

Clients take what is not in this table for "not supported" and do without.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.broker import auth
from infra.broker.errors import Code, MalformedFrame
from infra.broker.handlers import (
    admin,
    configs,
    data,
    fetching,
    group_admin,
    groups,
    offsets,
    records,
    transactions,
)
from infra.broker.handlers.data import Parts, Reply
from infra.broker.protocol import codec_lookup
from infra.broker.protocol.wire import Reader

if TYPE_CHECKING:
    from infra.broker.protocol.frames import Connection
    from infra.broker.server import Broker

NEVER = 1000

Handler = Callable[["Broker", "Connection", int, memoryview], Reply]
Values = dict[str, object]
Answer = Values | Coroutine[None, None, Values]
ColdHandler = Callable[["Broker", Any], Answer]
ColdHandlerOfClient = Callable[["Broker", "Connection", Any], Answer]


@dataclass(frozen=True, slots=True)
class Api:
    """One API: its key, the versions spoken, and from which one on the encoding is flexible."""

    key: int
    name: str
    lowest: int
    highest: int
    flexible_from: int
    handle: Handler
    before_login: bool = False
    tagged_answer: bool = True  # ApiVersions keeps the old header, so that any client can read it


def _cold(
    key: int, name: str, lowest: int, highest: int, flexible: int, answer: ColdHandler
) -> Api:
    """Return an API that kio decodes and encodes."""
    return _cold_of_client(key, name, lowest, highest, flexible, lambda b, _, r: answer(b, r))


def _cold_of_client(
    key: int, name: str, lowest: int, highest: int, flexible: int, answer: ColdHandlerOfClient
) -> Api:
    """Return an API that kio decodes and encodes, and whose answer depends on who asks."""

    def handle(broker: "Broker", client: "Connection", version: int, body: memoryview) -> Reply:
        from infra.broker.protocol import codec_cold  # noqa: PLC0415  kio takes 0.1 s to import

        values = answer(broker, client, codec_cold.decode(key, version, body))
        if isinstance(values, dict):
            return codec_cold.encode(key, version, values)
        return _encode_later(key, version, values)

    return Api(key, name, lowest, highest, flexible, handle)


async def _encode_later(key: int, version: int, values: Coroutine[None, None, Values]) -> Parts:
    from infra.broker.protocol import codec_cold  # noqa: PLC0415

    return codec_cold.encode(key, version, await values)


def _api_versions(_: "Broker", __: "Connection", version: int, ___: memoryview) -> Reply:
    ranges = [(api.key, api.lowest, api.highest) for api in APIS.values()]
    return codec_lookup.pack_api_versions(version, Code.NONE, ranges)


def unsupported_version(api: Api, version: int) -> Parts:
    """Answer a newer ApiVersions with version 0 and an error, and refuse any other request."""
    if api.name != "ApiVersions":
        raise MalformedFrame(
            f"{api.name} in version {version}, supported are {api.lowest} … {api.highest}"
        )
    ranges = [(other.key, other.lowest, other.highest) for other in APIS.values()]
    return codec_lookup.pack_api_versions(0, Code.UNSUPPORTED_VERSION, ranges)


def _sasl_handshake(_: "Broker", connection: "Connection", version: int, body: memoryview) -> Reply:
    agreed = Reader(body).string() == auth.MECHANISM
    connection.mechanism_agreed = agreed
    connection.bare_token_next = agreed and version == 0
    error = Code.NONE if agreed else Code.UNSUPPORTED_SASL_MECHANISM
    return codec_lookup.pack_sasl_handshake(error, [auth.MECHANISM])


def _sasl_authenticate(
    broker: "Broker", connection: "Connection", version: int, body: memoryview
) -> Reply:
    if not connection.mechanism_agreed:
        raise MalformedFrame("SaslAuthenticate before SaslHandshake")
    if auth.accepts(codec_lookup.read_sasl_authenticate(version, body), broker.token):
        connection.log_in()
        return codec_lookup.pack_sasl_authenticate(version, Code.NONE, None)
    connection.closing = True
    refusal = "wrong user or token: see `evctl broker client-config`"
    return codec_lookup.pack_sasl_authenticate(version, Code.SASL_AUTHENTICATION_FAILED, refusal)


_ALL = (
    Api(0, "Produce", 3, 9, 9, lambda b, _, v, body: data.produce(b.topics, v, body)),
    Api(1, "Fetch", 4, 12, 12, lambda b, _, v, body: fetching.fetch(b.topics, b.limits, v, body)),
    Api(
        2,
        "ListOffsets",
        1,
        7,
        6,
        lambda b, _, v, body: data.list_offsets(b.topics, v, body),
    ),
    Api(
        3,
        "Metadata",
        0,
        12,
        9,
        lambda b, _, v, body: data.metadata(b.topics, b.cluster, v, body),
    ),
    Api(18, "ApiVersions", 0, 4, 3, _api_versions, before_login=True, tagged_answer=False),
    Api(17, "SaslHandshake", 0, 1, NEVER, _sasl_handshake, before_login=True),
    Api(36, "SaslAuthenticate", 0, 2, 2, _sasl_authenticate, before_login=True),
    _cold(19, "CreateTopics", 2, 7, 5, lambda b, r: admin.create_topics(b.topics, r)),
    _cold(
        20,
        "DeleteTopics",
        1,
        6,
        4,
        lambda b, r: admin.delete_topics(b.topics, b.offsets, r),
    ),
    _cold(
        37,
        "CreatePartitions",
        0,
        3,
        2,
        lambda b, r: admin.create_partitions(b.topics, r),
    ),
    _cold(
        21,
        "DeleteRecords",
        0,
        2,
        2,
        lambda b, r: records.delete_records(b.topics, b.disk, r),
    ),
    _cold(
        23,
        "OffsetForLeaderEpoch",
        2,
        4,
        4,
        lambda b, r: records.offset_for_leader_epoch(b.topics, r),
    ),
    _cold(32, "DescribeConfigs", 1, 4, 4, configs.describe_configs),
    _cold(
        44,
        "IncrementalAlterConfigs",
        0,
        1,
        1,
        lambda b, r: configs.incremental_alter_configs(b.topics, r),
    ),
    _cold(60, "DescribeCluster", 0, 1, 0, lambda b, _: admin.describe_cluster(b.cluster)),
    _cold(22, "InitProducerId", 0, 4, 2, transactions.init_producer_id),
    _cold(24, "AddPartitionsToTxn", 0, 3, 3, transactions.add_partitions),
    _cold(25, "AddOffsetsToTxn", 0, 3, 3, transactions.add_offsets),
    _cold(26, "EndTxn", 0, 3, 3, transactions.end),
    _cold(28, "TxnOffsetCommit", 0, 3, 3, transactions.commit_offsets),
    _cold(10, "FindCoordinator", 0, 3, 3, lambda b, r: admin.find_coordinator(b.cluster, r)),
    _cold(8, "OffsetCommit", 2, 8, 8, offsets.offset_commit),
    _cold(9, "OffsetFetch", 1, 7, 6, offsets.offset_fetch),
    _cold(47, "OffsetDelete", 0, 0, NEVER, offsets.offset_delete),
    _cold_of_client(
        11, "JoinGroup", 0, 9, 6, lambda b, client, r: groups.join(b.groups, client, r)
    ),
    _cold(12, "Heartbeat", 0, 4, 4, lambda b, r: groups.heartbeat(b.groups, r)),
    _cold(13, "LeaveGroup", 0, 5, 4, lambda b, r: groups.leave(b.groups, r)),
    _cold(14, "SyncGroup", 0, 5, 4, lambda b, r: groups.sync(b.groups, r)),
    _cold(
        15,
        "DescribeGroups",
        0,
        5,
        5,
        lambda b, r: group_admin.describe_groups(b.groups, r),
    ),
    _cold(16, "ListGroups", 0, 4, 3, lambda b, r: group_admin.list_groups(b.groups, r)),
    _cold(42, "DeleteGroups", 0, 2, 2, lambda b, r: group_admin.delete_groups(b.groups, r)),
)
APIS = {api.key: api for api in _ALL}
