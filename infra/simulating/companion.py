"""An orchestrator beside a simulated night, as a process of its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from schemas.errors import EvctlError

INSTANCE = "simulate"
"""Its static id: one that a killed simulation left behind has to go when there is another."""

_PATIENCE_S = 20.0


class CompanionEnded(EvctlError):
    """The orchestrator that was started beside a simulation ended by itself."""

    exit_code = 70

    def __init__(self, code: int, said: str) -> None:
        super().__init__(
            f"The orchestrator beside the simulation ended with code {code}: "
            f"{said or 'it said nothing'}"
        )
        self.code = code


class Companion:
    """`evctl run orchestrator` in a namespace, with the global options of this command."""

    def __init__(self, options: Sequence[str], namespace: str) -> None:
        self.over = False
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 closed by `end`
        words = [*options, "--namespace", namespace, "run", "orchestrator", "--instance", INSTANCE]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,  # Ctrl+C is for the simulation, which ends it in its own way
        )

    def check(self, _: float = 0.0) -> None:
        """Raise `CompanionEnded` if it does not run any more."""
        code = self._process.poll()
        if code is not None:
            raise CompanionEnded(code, self._last_line())

    def end(self) -> None:
        """End it; one whose night is not `over` goes on later as after a crash, with its state."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM if self.over else signal.SIGKILL)
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._said.close()

    def _last_line(self) -> str:
        self._said.seek(0, os.SEEK_SET)
        lines = self._said.read().decode(errors="replace").splitlines()
        return lines[-1].removeprefix("evctl: ") if lines else ""
