"""What can be wrong with an archive, or in the way of one."""

from pathlib import Path

from schemas.errors import EvctlError


class NoArchive(EvctlError):
    """There is no archive in a directory."""

    exit_code = 66

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}: name the directory that `evctl export` has written.")
        self.path, self.reason = path, reason


class DamagedArchive(EvctlError):
    """A file of an archive is not what was written."""

    exit_code = 65

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}: take the archive from another copy.")
        self.path, self.reason = path, reason


class ArchiveTooNew(EvctlError):
    """A later version of evctl wrote an archive."""

    exit_code = 78

    def __init__(self, path: Path, found: object, known: int) -> None:
        super().__init__(
            f"{path} is of format {found}, and this evctl knows up to {known}: import it with the "
            "version that made it, or a later one."
        )
        self.path, self.found, self.known = path, found, known


class ArchiveExists(EvctlError):
    """Where an archive is to be written there is something else."""

    exit_code = 73

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} is there already, and is {what}: name another directory.")
        self.path, self.what = path, what


class ArchiveNotWritten(EvctlError):
    """An archive can't be written; nothing of it is left behind."""

    exit_code = 74

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} was not written: {reason}.")
        self.path, self.reason = path, reason


class NoRoomToCompare(EvctlError):
    """The temporary file with what a log has can't be written."""

    exit_code = 74

    def __init__(self, fault: Exception) -> None:
        super().__init__(
            f"There is no room to note what the log has of the night already: {fault}. Make room "
            "where temporary files go, or name another directory in TMPDIR."
        )


class NotAsSealed(EvctlError):
    """The log has other records of a night than its seal says."""

    exit_code = 65

    def __init__(self, night: str, version: int, place: str) -> None:
        super().__init__(
            f"{place} does not have of {night} what its seal (version {version}) says: `evctl "
            f"verify {night}` names what differs; if records came late, `evctl seal {night}`."
        )
        self.night, self.version, self.place = night, version, place


class IdTaken(EvctlError):
    """The log has another record under the id of one of an archive."""

    exit_code = 65

    def __init__(self, mine: str, other: str) -> None:
        super().__init__(
            f"The archive's record {mine} has the id of another one, {other}; readers would take "
            "them for one: import the archive into a namespace of its own (`--namespace`)."
        )
        self.mine, self.other = mine, other


class NotThePast(EvctlError):
    """An archive of what was replayed or rehearsed is to become a site's past."""

    exit_code = 78

    def __init__(self, origin: str, kind: str) -> None:
        super().__init__(
            f"The archive is of {origin.removesuffix('.')}, which is no site's past: import it "
            f"into a namespace of its own kind, such as --namespace {kind}.again."
        )
        self.origin, self.kind = origin, kind


class TooFewPartitions(EvctlError):
    """A topic lacks the partition that records of an archive come from."""

    exit_code = 78

    def __init__(self, topic: str, partitions: int, needed: int) -> None:
        super().__init__(
            f"{topic} has {partitions} partition{'s' * (partitions != 1)}, and the archive has "
            f"records of partition {needed}: give it {needed + 1}, or use another namespace."
        )
        self.topic, self.partitions, self.needed = topic, partitions, needed


class RestoreStopped(EvctlError):
    """A fault ended an import after its archive was proven."""

    def __init__(self, fault: EvctlError, added: int) -> None:
        said = {0: "No record was", 1: "1 record was"}.get(added, f"{added:,} records were")
        super().__init__(
            f"{fault} {said} added; mend what is wrong and import the archive again: nothing is "
            "added twice."
        )
        self.exit_code, self.fault, self.added = fault.exit_code, fault, added
