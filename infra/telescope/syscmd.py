"""A telescope that is moved by commands: `syscmd …`, a process for each."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from consumers import Ticket
from consumers.shots import ABORTED, Exposure, ShotFailed, Stopped
from infra.telescope.memory import Memory
from infra.telescope.outside import Outside
from infra.telescope.shot_files import SETUP_FAILED, words_of
from schemas.events.shots import ShotOrder


class Syscmd(Memory):
    """Sets up by `program` and a command's words, each within `timeout` s; exposes by another."""

    def __init__(self, directory: Path, program: str, timeout: float, outside: Outside) -> None:
        super().__init__(directory)
        self._program, self._timeout, self._outside = program, timeout, outside

    def set_up(
        self, ticket: Ticket, order: ShotOrder, commands: Sequence[str], stopped: Stopped
    ) -> None:
        """Run the commands one after the other."""
        if not commands:
            reason = f"there is no command to set the telescope up for {order.shotid}: does "
            raise ShotFailed(SETUP_FAILED, f"{reason}run_shot.shuffle_shot name the directory?")
        for command in commands:
            if (why := stopped()) is not None:
                raise ShotFailed(ABORTED, why)
            words = [self._program, *words_of(command)]
            self.programs.run(
                words, SETUP_FAILED, self._timeout, stopped, partial(self.check, ticket)
            )

    def expose(self, ticket: Ticket, exposure: Exposure, stopped: Stopped) -> float:
        """Have the site's program expose."""
        return self._outside.expose(self, ticket, exposure, stopped)
