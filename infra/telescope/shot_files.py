"""What lies ready for a shot, by its names in templates, and the FITS files that come of it.

A `.hetcommands` file has a command a line, its words as a shell would part them; what follows a `#`
is a comment, and the word `syscmd` in front may be left out.
"""

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from consumers.shots import ABORTED, Exposure, ShotFailed, Stopped
from schemas.events.shots import EAST, ShotOrder
from schemas.utc import MICROS

_LOOK_S = 0.1
SETUP_FAILED = "SetupFailed"


@dataclass(frozen=True, slots=True)
class ShotFiles:
    """The files of shots, as the site's settings have them where an order says nothing.

    `data` is the directory of the FITS files, none where nobody looks for them; `patience` (s) is
    how long those of the last exposure are waited for.
    """

    shuffle_shot: Path | None
    shuffle_conf_template: str
    acam_image_template: str
    acam_dest_file: Path | None
    data: Path | None
    wait_last_write: bool
    patience: float

    def commands(self, order: ShotOrder) -> Sequence[str]:
        """Return the commands of a shot's `.hetcommands` file; none where no directory is set."""
        path = self.conf(order, ".hetcommands")
        if path is None:
            return []
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            raise ShotFailed(SETUP_FAILED, f"{path} can't be read: {fault}") from fault
        return [line for number, line in enumerate(lines, 1) if _words(path, number, line)]

    def conf(self, order: ShotOrder, ending: str) -> Path | None:
        """Return where shuffle has put a file of a shot; none where no directory is set."""
        directory = order.shuffle_shot or self.shuffle_shot
        if directory is None:
            return None
        template = order.shuffle_conf_template or self.shuffle_conf_template
        name = fill(template, values_of(order), "run_shot.shuffle_conf_template", SETUP_FAILED)
        return Path(directory) / f"{name}{ending}"

    def copy_image(self, order: ShotOrder) -> None:
        """Copy the acquisition image, in one piece, where it is wanted and shuffle has made it."""
        given = order.acam_dest_file or self.acam_dest_file
        directory = order.shuffle_shot or self.shuffle_shot
        if given is None or directory is None:
            return
        option = "run_shot.acam_image_template"
        name = fill(self.acam_image_template, values_of(order), option, SETUP_FAILED)
        source, target = Path(directory) / name, Path(given)
        beside = target.with_name(f"{target.name}.new")
        try:
            shutil.copyfile(source, beside)
            beside.replace(target)
        except OSError as fault:
            reason = f"the image {source} can't be copied to {target}: {fault}"
            raise ShotFailed(SETUP_FAILED, reason) from fault

    def place(self, order: ShotOrder, number: int, asked: int) -> str:
        """Return the directory of an exposure, empty where nobody looks for files."""
        return "" if self.data is None else place_of(self.data, order, number, asked)

    def there(self, place: str) -> frozenset[object]:
        """Return the FITS files of a directory, each with its size and time.

        A shot that was run before with the same number has left some. They are told from new ones
        by comparison: the clock of a disk elsewhere may be another.
        """
        return frozenset(_fits(place)) if place else frozenset()

    def count(self, exposure: Exposure, stopped: Stopped) -> int:
        """Return how many FITS files an exposure made; raise `ShotFailed` if the last made none."""
        if not exposure.place:
            return 0
        found, order = self._come(exposure), exposure.order
        wanted = self.wait_last_write if order.wait_last_write is None else order.wait_last_write
        if not wanted or exposure.number < len(order.exposures):
            return found
        deadline = monotonic() + self.patience
        while not found and monotonic() < deadline:
            if (why := stopped()) is not None:
                raise ShotFailed(ABORTED, why)
            sleep(_LOOK_S)
            found = self._come(exposure)
        if not found:
            reason = f"no FITS file came in {exposure.place} within {self.patience:g} s"
            raise ShotFailed("FilesMissing", reason)
        return found

    def _come(self, exposure: Exposure) -> int:
        return len(self.there(exposure.place) - exposure.before)


def place_of(data: Path, order: ShotOrder, number: int, asked: int) -> str:
    """Return the directory of an exposure, by observation number and the UT date of that.

    The number is of the day on which the shot was asked for, even where it begins on the next.
    """
    date = datetime.fromtimestamp(asked / MICROS, UTC)
    observation = f"virus{order.obs_number:07d}"
    return str(data / f"{date:%Y%m%d}" / "virus" / observation / f"exp{number:02d}")


def words_of(command: str) -> list[str]:
    """Return a command's words, without `syscmd`; none of a comment; raise `ValueError`."""
    words = shlex.split(command, comments=True)
    return words[1:] if words[:1] == ["syscmd"] else words


def values_of(order: ShotOrder) -> Mapping[str, object]:
    """Return what a template may name: the order's values, and its metadata."""
    east = order.track == EAST
    return {
        **order.metadata,
        "shotid": order.shotid,
        "obs_number": order.obs_number,
        "ra": order.ra,
        "dec": order.dec,
        "azimuth": order.azimuth,
        "track": order.track,
        "track_name": "EAST" if east else "WEST",
        "track_initial": "E" if east else "W",
    }


def fill(text: str, values: Mapping[str, object], option: str, kind: str) -> str:
    """Return a text with its placeholders filled; raise `ShotFailed` for one that has no value."""
    try:
        return text.format_map(values)
    except KeyError as fault:
        reason = f"{option} needs {{{fault.args[0]}}}, which the shot has not: {', '.join(values)}"
        raise ShotFailed(kind, reason) from fault
    except (ValueError, IndexError, AttributeError, TypeError) as fault:
        raise ShotFailed(kind, f"{option} ({text!r}) can't be filled in: {fault}") from fault


def _words(path: Path, number: int, line: str) -> list[str]:
    try:
        return words_of(line)
    except ValueError as fault:
        raise ShotFailed(SETUP_FAILED, f"{path}:{number}: {fault}: {line!r}") from fault


def _fits(place: str) -> Iterator[tuple[str, int, int]]:
    for path in Path(place).rglob("*.fits"):
        with suppress(FileNotFoundError):  # it is gone again
            found = path.stat()
            yield str(path), found.st_size, found.st_mtime_ns
