"""What Maven brings into the project's build directory, once: jars, from wherever Maven is set to.

That is Maven Central by default. Nothing of it is needed to run evctl.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import EvctlError


class NotFetched(EvctlError):
    """Maven is not there, or could not bring what the pom asks for."""


def fetch(pom: Path, build: Path, goal: str, what: str) -> Path:
    """Return the directory that Maven has filled: `libs` in `build`.

    The first call, or the first after a change of the pom, fetches. Any number of processes may
    call it at once. `goal` is one of the dependency plugin's. Raises `NotFetched`.
    """
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    libs, stamp = build / "libs", build / "installed"
    if _is(stamp, wanted):
        return libs
    build.mkdir(parents=True, exist_ok=True)
    with _alone(build / ".lock"):
        if not _is(stamp, wanted):
            stamp.unlink(missing_ok=True)
            sys.stderr.write(f"Fetching {what} into {build}\n")
            _run(pom, build, goal, what)
            stamp.write_text(wanted)
    return libs


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(pom: Path, build: Path, goal: str, what: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NotFetched(f"{what} comes with Maven, and there is no mvn on the PATH.")
    libs, fresh = build / "libs", build / "libs.new"
    shutil.rmtree(fresh, ignore_errors=True)
    words = ["--quiet", "--batch-mode", "--file", str(pom), f"dependency:{goal}"]
    done = subprocess.run(
        [maven, *words, f"-DoutputDirectory={fresh}"], capture_output=True, text=True, check=False
    )
    if done.returncode or not any(fresh.rglob("*.jar")):
        raise NotFetched(f"Maven could not bring {what}:\n{done.stdout}{done.stderr}")
    shutil.rmtree(libs, ignore_errors=True)
    fresh.rename(libs)
