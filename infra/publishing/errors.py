"""What can be wrong with the input of `evctl publish`."""

from collections.abc import Iterable

from schemas.errors import EvctlError
from schemas.topics import Topic
from schemas.utc import iso


def counted(records: int, of_all: int | None = None) -> str:
    """Return how many records, in words: `1 record`, `3 records`, `3 of 10 records`."""
    known = records if of_all is None else of_all
    return f"{records:,}{'' if of_all is None else f' of {of_all:,}'} record{'s' * (known != 1)}"


class RecordRefused(EvctlError):
    """A record of the input can't go on its topic; `fault` is the error that says why, if any."""

    exit_code = 65

    def __init__(self, where: str, fault: EvctlError | str, published: int | None = None) -> None:
        fate = (
            f"{counted(published)} before it went on the log"
            if published
            else "nothing was published"
        )
        super().__init__(f"{where}: {str(fault).removesuffix('.')}; {fate}.")
        self.where, self.fault, self.published = where, fault, published
        if isinstance(fault, EventNotNamed):  # the command is at fault, not the data
            self.exit_code = fault.exit_code

    def after(self, published: int) -> "RecordRefused":
        """Return the same error, met after so many records had been published."""
        return RecordRefused(self.where, self.fault, published)


class InputUnreadable(EvctlError):
    """A file can't be opened, or can't be read to its end."""

    exit_code = 66

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} can't be read: {reason}.")
        self.name, self.reason = name, reason


class SchemaUnusable(EvctlError):
    """The file given with --schema is no Avro schema of a record."""

    exit_code = 65

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"The schema in {file} can't be used: {reason}.")
        self.file, self.reason = file, reason


class MockedTick(EvctlError):
    """A tick with a mocked time is to go where times are true."""

    exit_code = 65

    def __init__(self, mocked: int) -> None:
        super().__init__(
            f"field mocked: {iso(mocked)} is no true time, and may be recorded only in a namespace "
            "of its own (--namespace mock.ID)."
        )
        self.mocked = mocked


class EventNotNamed(EvctlError):
    """A topic has several events, and the record does not say which it is."""

    exit_code = 2

    def __init__(self, topic: Topic) -> None:
        super().__init__(f"{topic.name} takes {either(topic.events)}: say which with --event NAME.")
        self.topic = topic


class NotOfTopic(EvctlError):
    """A record is of a kind that its topic does not take."""

    exit_code = 65

    def __init__(self, topic: Topic, found: str) -> None:
        taken = either(topic.events) or "records in schemas that are not ours"
        super().__init__(f"{topic.name} takes {taken}, not {found}")
        self.topic, self.found = topic, found


class SchemaNeeded(EvctlError):
    """The schema of a foreign record is not in the input."""

    exit_code = 65

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}; give its schema with --schema FILE.avsc")


class NoKeyField(EvctlError):
    """The field that --key names is not in the record."""

    exit_code = 65

    def __init__(self, field: str, fields: Iterable[str]) -> None:
        super().__init__(
            f"the record has no field {field} to be the key (--key); it has {', '.join(fields)}"
        )
        self.field = field


class NotTyped(EvctlError):
    """A word on the command line is no data."""

    exit_code = 2

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(
            f"{word!r} {reason}: give each record as a JSON object, or one record as FIELD=VALUE "
            "words; files are named with --file, and - is standard input."
        )
        self.word = word


def either(names: tuple[str, ...]) -> str:
    """Return names as a choice: `A, B or C`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
