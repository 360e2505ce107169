"""Kafka's error codes that this broker answers with, and the errors that end a command of ours."""

from enum import IntEnum
from pathlib import Path

from schemas.errors import EvctlError


class Code(IntEnum):
    """Error codes of the Kafka protocol."""

    UNKNOWN_SERVER_ERROR = -1
    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    MESSAGE_TOO_LARGE = 10
    OFFSET_METADATA_TOO_LARGE = 12
    COORDINATOR_NOT_AVAILABLE = 15
    INVALID_TOPIC_EXCEPTION = 17
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    UNSUPPORTED_SASL_MECHANISM = 33
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REPLICA_ASSIGNMENT = 39
    INVALID_CONFIG = 40
    INVALID_REQUEST = 42
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43
    POLICY_VIOLATION = 44
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    INVALID_PRODUCER_EPOCH = 47
    INVALID_TXN_STATE = 48
    INVALID_PRODUCER_ID_MAPPING = 49
    INVALID_TRANSACTION_TIMEOUT = 50
    CONCURRENT_TRANSACTIONS = 51
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    OPERATION_NOT_ATTEMPTED = 55
    KAFKA_STORAGE_ERROR = 56
    SASL_AUTHENTICATION_FAILED = 58
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    UNKNOWN_LEADER_EPOCH = 75
    MEMBER_ID_REQUIRED = 79
    FENCED_INSTANCE_ID = 82
    GROUP_SUBSCRIBED_TO_TOPIC = 86
    INVALID_RECORD = 87
    UNSTABLE_OFFSET_COMMIT = 88
    PRODUCER_FENCED = 90
    UNKNOWN_TOPIC_ID = 100


class ProtocolError(Exception):
    """A request that is refused with an error code of the protocol and a sentence."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class MalformedFrame(Exception):
    """Bytes that are no request of the protocol: the connection is closed."""


class BrokerError(EvctlError):
    """The broker can't start, stop or be reached."""


class AlreadyOwned(BrokerError):
    """Another process holds the data directory."""

    exit_code = 4

    def __init__(self, data_dir: Path, pid: int | None) -> None:
        owner = f"process {pid}" if pid else "another process that is just starting"
        super().__init__(
            f"The data directory {data_dir} is owned by {owner}: "
            "use that broker, or stop it with `evctl broker stop`."
        )
        self.data_dir = data_dir
        self.pid = pid


class PortInUse(BrokerError):
    """The port that was asked for is taken."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is in use by another program: "
            "choose another one, or 0 for any free port."
        )
        self.port = port


class FormatTooNew(BrokerError):
    """The data directory was written by a newer version of this program."""

    exit_code = 78  # EX_CONFIG

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format version {found}, this program knows up to {known}: "
            "use the version of evctl that wrote it, or a newer one."
        )
        self.found = found
        self.known = known


class PropertiesBroken(BrokerError):
    """The file that says what the data directory is does not say it."""

    exit_code = 5

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is empty or broken: it has to name format.version and cluster.id. Restore it "
            "from a copy, or move it away: the log is kept and gets a new cluster id."
        )
        self.path = path


class DirectoryUnusable(BrokerError):
    """The data directory can't be created, opened or written."""

    exit_code = 73

    def __init__(self, data_dir: Path, cause: OSError) -> None:
        super().__init__(
            f"The data directory {data_dir} can't be used ({cause.strerror}): "
            "check the path, its owner and its permissions."
        )
        self.data_dir = data_dir


class LogDamaged(BrokerError):
    """A segment holds something that is not a batch where valid batches follow."""

    exit_code = 5

    def __init__(self, path: Path, position: int, offset: int, what: str) -> None:
        super().__init__(
            f"{path} is damaged at byte {position} (offset {offset}): {what}; "
            "intact batches are there, so nothing was cut away. "
            "Restore the file from a copy, then run `evctl broker check`."
        )
        self.path = path
        self.position = position
        self.offset = offset


class JournalDamaged(BrokerError):
    """A file of changes has a line that is not as it was written where intact lines follow."""

    exit_code = 5

    def __init__(self, path: Path, line: int, position: int) -> None:
        super().__init__(
            f"{path} is damaged in line {line} (byte {position}); intact lines are behind it, so "
            "nothing was cut away. Restore the file from a copy; without one, remove that line: "
            "what it said is lost."
        )
        self.path = path
        self.line = line
        self.position = position


class NoSegments(BrokerError):
    """A log that had records has no segments left."""

    exit_code = 5

    def __init__(self, directory: Path, start_offset: int) -> None:
        super().__init__(
            f"{directory} has lost all its segments; the log began at offset {start_offset}. "
            "Restore them from a copy, or delete the topic's directories and its entry."
        )
        self.directory = directory


class StartFailed(BrokerError):
    """The broker process ended before it served."""


class StopTimedOut(BrokerError):
    """The broker process did not end in time."""

    def __init__(self, pid: int, timeout_s: float) -> None:
        super().__init__(
            f"Broker process {pid} did not end within {timeout_s:g} s: "
            f"look at its log, or end it with `kill {pid}`; nothing acknowledged is lost."
        )
        self.pid = pid


def told(fault: ProtocolError | OSError, what: str) -> dict[str, object]:
    """Return what an answer says of one resource of several; a disk "refuses" `what`."""
    if isinstance(fault, ProtocolError):
        return {"error_code": fault.code, "error_message": fault.message}
    message = f"the disk refuses {what}: {fault.strerror}"
    return {"error_code": Code.KAFKA_STORAGE_ERROR, "error_message": message}
