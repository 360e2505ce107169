"""What can go wrong with records in quarantine, each as one sentence."""

from schemas.errors import EvctlError
from schemas.record import Position


class NotAPosition(EvctlError):
    """The text names no record."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} names no record: write TOPIC[PARTITION]@OFFSET in quotes, such as "
            "'observatory[0]@17', as `evctl quarantine list` does."
        )
        self.text = text


class NotInQuarantine(EvctlError):
    """Nothing is known of a record and a reader."""

    exit_code = 66

    def __init__(self, reader: str, position: Position) -> None:
        super().__init__(
            f"The record {position} is not in quarantine for {reader}; "
            "`evctl quarantine list --status all` shows what is."
        )
        self.reader, self.position = reader, position


class AlreadyDropped(EvctlError):
    """Somebody has dropped the record before."""

    exit_code = 2

    def __init__(self, reader: str, position: Position, who: str, why: str) -> None:
        super().__init__(f"{who} has dropped the record {position} for {reader} before: {why}.")
        self.reader, self.position = reader, position


class NotRetried(EvctlError):
    """A service can't be made anew as a view can."""

    exit_code = 2

    def __init__(self, reader: str) -> None:
        super().__init__(
            f"{reader} is a service: it has gone on without what it passed over, and can't take it "
            f"in any more. `evctl quarantine drop {reader} RECORD --why REASON` settles it."
        )
        self.reader = reader


class NoSuchRecord(EvctlError):
    """The log has no record at a position."""

    exit_code = 66

    def __init__(self, position: Position) -> None:
        super().__init__(f"The log has no record {position}: look at it with `evctl tail`.")
        self.position = position


class CasesNotKept(EvctlError):
    """The directory for temporary files does not take what is known of quarantined records."""

    exit_code = 74

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"What is known of quarantined records can't be kept in a temporary file: {reason}. "
            "Make room, or name another directory in TMPDIR."
        )
        self.reason = reason


class BadRecord(EvctlError):
    """A record stops what has to apply every record that nobody dropped."""

    exit_code = 65

    def __init__(self, view: str, position: Position, reason: str, namespace: str = "") -> None:
        bare = position._replace(topic=position.topic.removeprefix(namespace))
        option = f"--namespace {namespace} " if namespace else ""
        super().__init__(
            f"{view} can't take in the record at {position}: {reason.rstrip('.')}. Mend its cause "
            f"and rebuild, or do without the record: `evctl {option}quarantine drop {view} "
            f"'{bare}' --why REASON`, then rebuild."
        )
        self.view, self.position, self.reason = view, position, reason
