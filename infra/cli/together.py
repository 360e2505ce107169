"""Several services run with one command: a process for each, which begin and end together."""

import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import typer

from infra.cli.context import invocation
from infra.signals import Stop, stopping
from schemas.errors import EvctlError

_LOOK_S = 0.2
_PATIENCE_S = 30.0


class EndedByItself(EvctlError):
    """One of several programs ended though nobody asked it to, and the others were ended."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(
            f"`evctl {words}` ended with code {code}, and what ran beside it was ended too: see "
            "what it said above."
        )
        self.words, self.exit_code = words, code or 70


def global_options(ctx: typer.Context) -> list[str]:
    """Return the global options of this command as words for another one."""
    run = invocation(ctx)
    given: Mapping[str, object] = {
        "--site-file": run.site_file,
        "--config": run.overlay,
        "--namespace": run.options.get("log.namespace"),
    }
    return [word for name, value in given.items() if value for word in (name, str(value))]


def run_together(
    ctx: typer.Context, commands: Sequence[Sequence[str]], *, until_done: bool = False
) -> NoReturn:
    """Run commands of evctl until Ctrl+C or until one ends; raise `EndedByItself` for that one.

    With `until_done`, each may end when it has done its work. Ctrl+C in a terminal reaches them by
    itself; each ends as it does alone.
    """
    options = global_options(ctx)
    with stopping() as stop:
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for words in commands:
                started[" ".join(words)] = subprocess.Popen(
                    [sys.executable, "-m", "infra.cli", *options, *words]
                )
            _wait(started, stop, until_done=until_done)
        finally:
            _end(started.values())
        raise typer.Exit(stop.exit_code)


def _wait(
    started: Mapping[str, "subprocess.Popen[bytes]"], stop: Stop, *, until_done: bool
) -> None:
    running = dict(started)
    while running and not stop.wait(_LOOK_S):
        for words, process in started.items():
            code = process.poll()
            if code is None or words not in running or stop.requested:
                continue
            if code or not until_done:
                raise EndedByItself(words, code)
            del running[words]


def _end(processes: Iterable["subprocess.Popen[bytes]"]) -> None:
    running = [one for one in processes if one.poll() is None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
