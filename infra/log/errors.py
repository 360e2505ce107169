"""What can go wrong between us and the log."""

from schemas.errors import EvctlError
from schemas.record import Position


class LogUnavailable(EvctlError):
    """No broker answers."""

    exit_code = 69

    def __init__(self, servers: str, reason: str) -> None:
        super().__init__(
            f"The log at {servers} does not answer: {reason}. What was acknowledged is safe; start "
            "it (`evctl broker start`, or your Kafka cluster), then run the command again."
        )
        self.servers, self.reason = servers, reason


class InstanceReplaced(EvctlError):
    """Another member of the group has this one's static id."""

    exit_code = 75

    def __init__(self) -> None:
        super().__init__(
            "Another process was started under the same --instance id, and has taken this one's "
            "place: give each its own."
        )


class NotAcknowledged(EvctlError):
    """Records were handed to the log, and it did not acknowledge them."""

    exit_code = 74

    def __init__(self, topic: str, records: int, reason: str) -> None:
        super().__init__(
            f"{records} record{'s' if records != 1 else ''} for {topic} "
            f"{'were' if records != 1 else 'was'} not acknowledged: {reason}. The records before "
            "are on the log."
        )
        self.topic, self.records, self.reason = topic, records, reason


class TopicMissing(EvctlError):
    """A declared topic does not exist in the cluster."""

    exit_code = 66

    def __init__(self, topic: str, servers: str) -> None:
        super().__init__(
            f"The topic {topic} does not exist on the log at {servers}: nothing was ever published "
            "or imported there, or the namespace is another one (`--namespace`)."
        )
        self.topic = topic


class TopicMisconfigured(EvctlError):
    """A topic's real settings contradict its declaration in a way that loses or refuses records."""

    exit_code = 78

    def __init__(self, topic: str, setting: str, real: str, declared: str) -> None:
        super().__init__(
            f"The topic {topic} has {setting}={real}, where {declared} is declared: records would "
            f"be lost, refused or out of order. Mend it with `kafka-configs --alter --entity-type "
            f"topics --entity-name {topic} --add-config {setting}={declared}`, or use another "
            "namespace."
        )
        self.topic, self.setting, self.real, self.declared = topic, setting, real, declared


class RecordTooLarge(EvctlError):
    """A record is larger than its topic allows."""

    exit_code = 65

    def __init__(self, topic: str, size: int, limit: int) -> None:
        super().__init__(
            f"The record has {size:,} bytes, and {topic} takes {limit:,}: split it, or write the "
            "bulk to a file and publish where it is."
        )
        self.topic, self.size, self.limit = topic, size, limit


class UnknownSchema(EvctlError):
    """A record names a schema id that is not on `_schemas`, or not in the registry."""

    exit_code = 65

    def __init__(self, schema_id: int, position: Position, kept: str = "_schemas") -> None:
        where, mend = f"on {kept}", f"{kept} was not copied with the log"
        if "/" in kept:
            where = f"in the registry {kept}"
            mend = "another registry (`log.schema_registry`) or _schemas was in use then"
        super().__init__(
            f"The record at {position} was written with schema {schema_id}, which is not {where}: "
            f"its producer did not register it, or {mend}."
        )
        self.schema_id, self.position, self.kept = schema_id, position, kept


class VersionTaken(EvctlError):
    """A version of a subject is another schema on `_schemas`."""

    exit_code = 65

    def __init__(self, subject: str, version: int) -> None:
        super().__init__(
            f"Version {version} of {subject} on _schemas is another schema than that of this "
            "program, and records may have been made with it: `evctl schema check` says how they "
            f"differ. Publish this program's as version {version + 1}."
        )
        self.subject, self.version = subject, version


class RegistryUnavailable(EvctlError):
    """The external schema registry does not answer."""

    exit_code = 69

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"The schema registry at {url} does not answer: {reason}. Start it, or mend "
            "log.schema_registry, then run the command again."
        )
        self.url, self.reason = url, reason


class RegistryRefused(EvctlError):
    """The external schema registry answers, but does not do what it was asked."""

    exit_code = 65

    def __init__(self, url: str, status: int, reason: str) -> None:
        mends = {
            401: "mend log.schema_registry_user and log.schema_registry_password",
            403: "let the user of log.schema_registry_user do it",
            409: "`evctl schema check` names the field; the registry may be set to Avro's rules "
            "alone (BACKWARD_TRANSITIVE does for renamed and widened fields)",
        }
        mend = mends.get(status, "is log.schema_registry the address of its Confluent API?")
        super().__init__(f"The schema registry refused {url} ({status}): {reason}; {mend}.")
        self.exit_code = 77 if status in {401, 403} else 65
        self.url, self.status, self.reason = url, status, reason


class TwoSchemasOneId(EvctlError):
    """Two different schemas have the same id."""

    exit_code = 70

    def __init__(self, schema_id: int, one: str, other: str) -> None:
        super().__init__(
            f"{one} and {other} are different schemas with the one id {schema_id}: add a field or "
            "a documented alias to the newer, so that its fingerprint changes."
        )
        self.schema_id = schema_id


class Undecodable(EvctlError):
    """A record can't be read: its bytes, its schema or its headers are at fault."""

    exit_code = 65

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(f"The record at {position} can't be read: {reason}")
        self.position, self.reason = position, reason


class LogAltered(EvctlError):
    """The bytes of a batch are not those that were written."""

    exit_code = 65

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(
            f"The batch at {position} was altered since it was written: {reason}. Find out what "
            "else the disk has lost (`evctl broker check`), and restore the log from a copy."
        )
        self.position, self.reason = position, reason


class LogTruncated(EvctlError):
    """Records that a reader still needs are gone from the log."""

    exit_code = 65

    def __init__(self, position: Position, low: int) -> None:
        super().__init__(
            f"{position} is needed, but the log now begins at offset {low}: {low - position.offset}"
            " records are gone (retention, or a topic made anew). Restore them from an archive, or "
            "rebuild the view from what is left with `evctl rebuild`."
        )
        self.position, self.low = position, low


class LogDiverged(EvctlError):
    """The log is not the one that was read before."""

    exit_code = 65

    def __init__(self, position: Position, found: str, expected: str) -> None:
        super().__init__(
            f"At {position} the log has {found}, where {expected} was read before: it was made "
            "anew, cut or replaced. Find out which log is right, then `evctl rebuild` the views, "
            "and let services begin anew (see service_seats)."
        )
        self.position, self.found, self.expected = position, found, expected
