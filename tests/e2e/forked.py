"""evctl in a process of its own that need not import everything first.

It is forked from one that has done so. That saves half a second of each command. Those that a
variable tells something while modules are imported (`infra.dying`) have to be started in full.
"""

import atexit
import faulthandler
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import infra.cli

_forks = get_context("forkserver")
_forks.set_forkserver_preload([__name__])
for _module in pkgutil.iter_modules(infra.cli.__path__, "infra.cli."):
    if not _module.name.endswith("__main__"):
        import_module(_module.name)


def run(
    words: Sequence[str], folder: Path, environ: Mapping[str, str], said: Path, timeout: float
) -> tuple[int, str, str]:
    """Run a command in a directory; return its exit code, and what it wrote to either stream.

    `said` is a path to put that at in the meantime. One that hangs shows where, and is killed.
    """
    out, err = said.with_suffix(".out"), said.with_suffix(".err")
    process = _forks.Process(target=_filed, args=(words, folder, dict(environ), out, err))
    process.start()
    process.join(timeout)
    hangs = process.exitcode is None
    if hangs and process.pid is not None:
        os.kill(process.pid, signal.SIGABRT)
        process.join()
    code = process.exitcode
    found = [path.read_text("utf-8") for path in (out, err)]
    for path in (out, err):
        path.unlink()
    assert not hangs, f"evctl {' '.join(words)} hangs:\n{found[1]}"
    assert code is not None
    return code, found[0], found[1]


class Running(subprocess.Popen[str]):
    """A command as `subprocess.Popen` has it, with pipes to read, which is not our own child."""

    def __init__(self, words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        read, write = zip(*(_forks.Pipe(duplex=False) for _ in range(2)), strict=True)
        self._process = _forks.Process(
            target=_piped, args=(words, folder, dict(environ), *write), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.args, self.pid, self.returncode = ["evctl", *words], self._process.pid, None
        self.stdin, self.text_mode, self._input = None, True, None
        self._communication_started = False
        self.stdout, self.stderr = (os.fdopen(os.dup(pipe.fileno()), "r") for pipe in read)
        for pipe in (*read, *write):
            pipe.close()

    def _internal_poll(self, *_: object, **__: object) -> int | None:
        self.returncode = self._process.exitcode
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        self._process.join(timeout)
        if self._internal_poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


def _piped(
    words: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    out: "Connection[Any, Any]",
    err: "Connection[Any, Any]",
) -> None:
    _evctl(words, folder, environ, os.dup(out.fileno()), os.dup(err.fileno()))


def _filed(
    words: Sequence[str], folder: Path, environ: Mapping[str, str], out: Path, err: Path
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    _evctl(words, folder, environ, *(os.open(path, flags, 0o600) for path in (out, err)))


def _evctl(
    words: Sequence[str], folder: Path, environ: Mapping[str, str], out: int, err: int
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for stream, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, err)):
        os.dup2(file, stream)
        os.close(file)
    faulthandler.enable()
    tempfile.tempdir = None
    sys.argv = ["evctl", *words]
    try:
        infra.cli.app()
    finally:
        atexit._run_exitfuncs()  # which a forked process leaves out
