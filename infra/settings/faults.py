"""What can be wrong with settings, all of it said at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import EvctlError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: where it stands, which option, and what would be right."""

    where: str
    option: str
    text: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, self.option, self.text)))


class SettingsError(EvctlError):
    """The settings can't be used; `faults` holds everything to mend."""

    exit_code = 78  # EX_CONFIG of sysexits.h

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            super().__init__(str(self.faults[0]))
        else:
            lines = "".join(f"\n  {fault}" for fault in self.faults)
            super().__init__(f"{len(self.faults)} faults in the settings:{lines}")


class SiteFileMissing(EvctlError):
    """A site file was asked for by name and is not there."""

    exit_code = 78

    def __init__(self, path: Path, asked_by: str) -> None:
        self.path, self.asked_by = path, asked_by
        super().__init__(
            f"There is no site file {path} (asked for by {asked_by}): "
            f"`evctl config copy -t {path.parent}` writes a commented evctl-site.yaml."
        )
