"""A site of its own in a directory, and evctl's commands run in it as processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

from infra.settings import VARIABLES
from schemas.errors import EvctlError

_SITE = """\
site:
  name: demo
log:
  data_dir: log
database:
  url: sqlite:///tables.sqlite
logging:
  directory: logs
"""
_LOOK_S = 0.02


class StepFailed(EvctlError):
    """A command of the demonstration ended otherwise than it should."""

    def __init__(self, words: tuple[str, ...], code: int | None, said: str) -> None:
        super().__init__(
            f"`evctl {' '.join(words)}` ended with code {code}: {said.strip() or 'it said nothing'}"
        )
        self.words, self.code = words, code


class NeverCame(EvctlError):
    """What was waited for did not happen in time."""

    def __init__(self, what: str, timeout: float) -> None:
        super().__init__(f"{what} did not happen within {timeout:g} s.")


class Stage:
    """Runs evctl in a directory; whatever it started is ended by `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site_file = folder / "evctl-site.yaml"
        self.site_file.write_text(_SITE, encoding="utf-8")
        self._running: dict[subprocess.Popen[str], tuple[str, ...]] = {}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and return its process; its output goes to a pipe."""
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.cli", "--site-file", str(self.site_file), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_without_settings(os.environ),
        )
        self._running[process] = words
        return process

    def run(
        self, *words: str, wait: Callable[[], None] = lambda: None, codes: Sequence[int] = (0,)
    ) -> str:
        """Run a command to its end and return what it printed; raise `StepFailed`.

        `wait` is called again and again until then.
        """
        return self.ended(self.start(*words), wait, codes)

    def ended(
        self,
        process: subprocess.Popen[str],
        wait: Callable[[], None],
        codes: Sequence[int] = (0,),
    ) -> str:
        """Wait until a process has ended well and return what it printed; raise `StepFailed`."""
        while process.poll() is None:
            wait()
            sleep(_LOOK_S)
        return self.finish(process, *codes)

    def finish(self, process: subprocess.Popen[str], *expected: int) -> str:
        """Return what an ended command printed; raise `StepFailed` for another exit code."""
        out, err = process.communicate(timeout=60)
        words = self._running.pop(process)
        if process.returncode not in expected:
            raise StepFailed(words, process.returncode, err or out)
        return out

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a process as a power cut would: SIGKILL."""
        process.kill()
        self.finish(process, -signal.SIGKILL)

    def end(self, process: subprocess.Popen[str]) -> None:
        """Ask a process to end with SIGTERM, and see that it does as documented."""
        process.send_signal(signal.SIGTERM)
        self.finish(process, 128 + signal.SIGTERM)

    def until(self, what: str, happened: Callable[[], bool], timeout: float = 60.0) -> None:
        """Wait for a condition; raise `NeverCame`, or `StepFailed` if a process ended meanwhile."""
        deadline = monotonic() + timeout
        while not happened():
            for process in [p for p in self._running if p.poll()]:
                self.finish(process, 0)
            if monotonic() > deadline:
                raise NeverCame(what, timeout)
            sleep(_LOOK_S)

    def close(self) -> None:
        """End everything that was started, the log last."""
        for process in list(self._running):
            process.kill()
            process.communicate()
        self._running.clear()
        self.run("broker", "stop")


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what would lead to the log and the tables of the user."""
    return {name: text for name, text in environ.items() if not name.startswith(VARIABLES)}
