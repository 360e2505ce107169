"""An external scheduler: a program that is called for each shot, as OCD calls `autoschedule_main`.

It gets what the command's placeholders stand for, and prints the shot as its last line that is no
comment: `SHOTID TRACK AZIMUTH`, where the track is 0 (east) or 1 (west) and the azimuth degrees.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from consumers import Refused
from consumers.external_scheduler import Answer
from infra import programs
from producers import shot_file
from schemas.errors import EvctlError
from schemas.utc import julian_date

OUTPUT_AT_MOST = 4000
"""So many characters of what it printed are kept, the last ones."""

_READ_AT_MOST = 65_536
_NO_AZIMUTH = -1.0


class NoScheduler(EvctlError):
    """The settings name no external scheduler."""

    exit_code = 78

    def __init__(self, option: str) -> None:
        super().__init__(
            f"{option} is not set: the worker external_scheduler calls the program of "
            "scheduler.command, which chooses from the shots of shots.shot_file."
        )
        self.option = option


class ExternalScheduler:
    """A scheduler that is a program; `timeout` in s."""

    def __init__(self, command: Sequence[str], shots: Path | None, timeout: float) -> None:
        if not command:
            raise NoScheduler("scheduler.command")
        if shots is None:
            raise NoScheduler("shots.shot_file")
        self._command, self._shots, self._timeout = tuple(command), shots, timeout

    def propose(
        self, date_time: int, seeing: float, transparency: float, azimuth: float | None
    ) -> Answer:
        """Return what the program proposes; see `consumers.external_scheduler.Scheduler`."""
        values = {
            "shot_file": str(self._shots),
            "jd": f"{julian_date(date_time):.6f}",
            "azimuth": f"{_NO_AZIMUTH if azimuth is None else azimuth:g}",
            "seeing": f"{seeing:g}",
            "transparency": f"{transparency:g}",
        }
        output = _run([word.format_map(values) for word in self._command], self._timeout)
        return self._answer(output)

    def _answer(self, output: str) -> Answer:
        kept = output[-OUTPUT_AT_MOST:]
        lines = [line.strip() for line in output.splitlines()]
        said = [line for line in lines if line and not line.startswith("#")]
        if not said:
            raise Refused(f"it proposed no shot; it printed {_shown(kept)}")
        try:
            shot, track, azimuth = said[-1].split()
            answer = Answer(shot, int(track), float(azimuth), kept)
        except ValueError:
            answer = None
        if answer is None or answer.track not in {0, 1} or not 0 <= answer.azimuth < 360:
            raise Refused(
                f"its last line {_shown(said[-1])} is not `SHOTID TRACK AZIMUTH` "
                "(track 0 or 1, azimuth 0 to 360 degrees)"
            )
        if answer.shot not in self._known():
            raise Refused(f"it proposed {_shown(answer.shot)}, which is not in {self._shots}")
        return answer

    def _known(self) -> set[str]:
        try:
            return {shot.shotid for shot in shot_file.read(self._shots)}
        except EvctlError as fault:
            raise Refused(str(fault)) from fault


def _run(command: Sequence[str], timeout: float) -> str:
    """Return what a program prints; raise `Refused` if it hangs or fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        except (OSError, ValueError) as fault:
            raise Refused(f"{command[0]} can't be started: {fault}") from fault
        try:
            why = programs.waited_for(process, timeout, [out, err], lambda: None)
        finally:
            programs.end(process)
        if why is not None:
            raise Refused(f"{command[0]} {why}")
        if process.returncode:
            how = programs.ending(process.returncode)
            raise Refused(f"{command[0]} {how}; {_last_words(err)}")
        return programs.tail(out, _READ_AT_MOST)


def _last_words(err: IO[bytes]) -> str:
    lines = [line for line in programs.tail(err, _READ_AT_MOST).splitlines() if line.strip()]
    return f"it said last {_shown(lines[-1])}" if lines else "it said nothing"


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 200 else f"{text[:197]!r}…"
