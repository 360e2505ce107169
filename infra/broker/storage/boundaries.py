"""Where a partition's log begins and how far it is compacted, in a file beside its segments."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.broker.errors import BrokerError
from infra.broker.storage import files

FILE = "boundaries"


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What the segments of a log do not say themselves.

    Offsets below `gaps_below` may be missing, and those below `clean_below` have been compared with
    each other. `swap` lists the segments that one cleaned segment replaces, while it does.
    """

    log_start_offset: int = 0
    clean_below: int = 0
    gaps_below: int = 0
    swap: tuple[int, ...] = ()

    @classmethod
    def read(cls, directory: Path) -> "Boundaries":
        """Read the boundaries of a log; one that has no such file begins at its first segment."""
        path = directory / FILE
        try:
            fields = json.loads(path.read_bytes())
            return cls(**fields | {"swap": tuple(fields["swap"])})
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError, KeyError) as error:
            raise BrokerError(
                f"{path} does not say where its log begins ({error}): restore it from a copy, or "
                "remove it if no records were deleted or compacted."
            ) from error

    def write(self, directory: Path) -> None:
        """Replace the file; when this returns, the boundaries outlive the machine."""
        files.replace(directory / FILE, json.dumps(asdict(self)).encode())
