"""Every topic of the log, declared once; nothing else names one."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from schemas.errors import EvctlError

KiB = 1024
MiB = 1024 * KiB


class UnknownTopic(EvctlError):
    """No topic has this name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        near = get_close_matches(name, BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(BY_NAME)}."
        super().__init__(f"There is no topic {name!r}; {hint}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's declaration; sizes in bytes, times in ms as Kafka counts them.

    `events` are the names of the event classes it carries; none means records in foreign schemas.
    `synced` topics are on the disk before a producer's acknowledgement.
    """

    name: str
    about: str
    key: str
    events: tuple[str, ...]
    partitions: int = 1
    retention_ms: int = -1
    cleanup: str = "delete"
    synced: bool = False
    max_bytes: int = MiB
    prefixed: bool = True

    @property
    def foreign(self) -> bool:
        """Whether it takes records in schemas that are not ours."""
        return not self.events

    def full_name(self, namespace: str) -> str:
        """Return the name in the cluster: with the namespace, but for `_schemas`."""
        return f"{namespace}{self.name}" if self.prefixed else self.name

    def config(self) -> Mapping[str, str]:
        """Return the topic's settings in Kafka's terms.

        Early and late timestamps are both welcome: recordings are old, and clocks err.
        """
        settings = {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "max.message.bytes": str(self.max_bytes),
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": str(2**63 - 1),
            "message.timestamp.after.max.ms": str(2**63 - 1),
        }
        if self.synced:
            settings["flush.messages"] = "1"
        return settings


OBSERVATORY = Topic(
    name="observatory",
    about="all that must be totally ordered: TCS events, commands, ticks, settings, decisions",
    key="the event's own name, where it has one: system.source.key of a TcsEvent",
    events=(
        "TcsEvent",
        "TimePassed",
        "ServiceTookOver",
        "SettingsTookEffect",
        "DecisionFailed",
        "SystemFellSilent",
        "SystemSpokeAgain",
        "NoticeRequested",
        "NoticeStarted",
        "NoticeDelivered",
        "NoticeFailed",
        "NoticeExpired",
        "ShotRequested",
        "ShotByHandRequested",
        "ShotAbortRequested",
        "ShotStarted",
        "TelescopeSetupStarted",
        "TelescopeSetupFinished",
        "ExposureStarted",
        "ExposureFinished",
        "ShotFinished",
        "ShotExpired",
        "OrchestratorStarted",
        "OrchestratorStopped",
        "OrchestratorAsked",
        "OrchestratorAnswered",
        "AllowanceChanged",
        "OptionChanged",
        "StateChanged",
        "StatesReported",
        "ShotChosen",
        "ShotWithheld",
        "ShotListLoaded",
        "ScheduleRequested",
        "ScheduleStarted",
        "ShotProposed",
        "ScheduleFailed",
        "ScheduleExpired",
        "ObservationNumberRequested",
        "ObservationNumberStarted",
        "ObservationNumberTaken",
        "ObservationNumberFailed",
        "ObservationNumberExpired",
    ),
    synced=True,
    max_bytes=4 * MiB,
)
ALERTS = Topic(
    name="alerts",
    about="packets of other observatories, in their senders' schemas",
    key="none, or a field that the publisher names",
    events=(),
    partitions=4,
    max_bytes=16 * MiB,
)
IMPORTS = Topic(
    name="imports",
    about="which recordings were imported; no part of any night, and not replayed",
    key="none",
    events=("RecordingImported",),
)
REPLAY_CONTROL = Topic(
    name="replay.control",
    about="what a replay did and was asked to do; in the replay's own namespace only",
    key="the replay's id",
    events=(
        "ServicesInvited",
        "ReplayStarted",
        "ReplayControlRequested",
        "ReplayControlled",
        "ReplayFinished",
    ),
)
QUARANTINE = Topic(
    name="quarantine",
    about="records that a reader passed over, and what was decided of them; no part of any night",
    key="the reader: a view or a service",
    events=("RecordQuarantined", "QuarantineDropped", "QuarantineRetried", "ReaderTookOver"),
    synced=True,
    max_bytes=20 * MiB,  # more than any other: it holds their records
)
SEALS = Topic(
    name="seals",
    about="what each night had when it was sealed; no part of any night, and not replayed",
    key="the night",
    events=("NightSealed",),
    synced=True,
    max_bytes=16 * MiB,
)
SCHEMAS = Topic(
    name="_schemas",
    about="every Avro schema in use, in the record format of Karapace and Confluent's registry",
    key="subject and version, JSON",
    events=(),
    cleanup="compact",
    synced=True,
    prefixed=False,
)

TOPICS = (OBSERVATORY, ALERTS, IMPORTS, REPLAY_CONTROL, QUARANTINE, SEALS, SCHEMAS)
BY_NAME: Mapping[str, Topic] = MappingProxyType({topic.name: topic for topic in TOPICS})
RECORDED = (OBSERVATORY, ALERTS)
"""The topics that make up a night: replayed, indexed and exported."""


def topic(name: str) -> Topic:
    """Return the declaration of a topic by its name without namespace; raise `UnknownTopic`."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise UnknownTopic(name) from None


@cache
def bare_name(full_name: str) -> str:
    """Return a topic's name without its namespace; raise `UnknownTopic`.

    It is the longest declared name that stands at the end, alone or after a dot.
    """
    fitting = [name for name in BY_NAME if f".{full_name}".endswith(f".{name}")]
    if not fitting:
        raise UnknownTopic(full_name)
    return max(fitting, key=len)
