"""evctl in a process of its own that need not import everything first.

It is forked from one that has done so. That saves a third of a second of each command that a test
runs to its end; commands that are sent signals, or read while they run, are started in full.
"""

import atexit
import faulthandler
import os
import pkgutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

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
    process = _forks.Process(target=_evctl, args=(words, folder, dict(environ), out, err))
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


def _evctl(
    words: Sequence[str], folder: Path, environ: Mapping[str, str], out: Path, err: Path
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), stream)
    faulthandler.enable()
    tempfile.tempdir = None
    sys.argv = ["evctl", *words]
    try:
        infra.cli.app()
    finally:
        atexit._run_exitfuncs()  # which a forked process leaves out
