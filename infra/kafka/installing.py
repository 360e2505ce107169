"""Kafka's jars, fetched once with Maven into the project's build directory.

Maven reads `pom.xml` and brings the jars from wherever it is set to (Maven Central by default).
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.kafka.errors import KafkaMissing
from infra.kafka.java import java

BUILD = Path(__file__).parents[2] / "build" / "kafka"
_POM = Path(__file__).with_name("pom.xml")


def install(build: Path = BUILD) -> Path:
    """Return the directory of the jars; the first call, or the first after a change, fetches them.

    Any number of processes may call it at once. Raises `KafkaMissing`.
    """
    java()
    wanted = hashlib.sha256(_POM.read_bytes()).hexdigest()
    libs, stamp = build / "libs", build / "installed"
    if _is(stamp, wanted):
        return libs
    build.mkdir(parents=True, exist_ok=True)
    with _alone(build / ".lock"):
        if not _is(stamp, wanted):
            stamp.unlink(missing_ok=True)
            _fetch(build, libs)
            stamp.write_text(wanted)
    return libs


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(build: Path, libs: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaMissing("Kafka's jars come with Maven, and there is no mvn on the PATH.")
    sys.stderr.write(f"Fetching Apache Kafka into {build}\n")
    fresh = build / "libs.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        maven,
        "--quiet",
        "--batch-mode",
        "--file",
        str(_POM),
        "dependency:copy-dependencies",
    ]
    done = subprocess.run(
        [*command, f"-DoutputDirectory={fresh}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise KafkaMissing(f"Maven could not bring Kafka's jars:\n{done.stdout}{done.stderr}")
    shutil.rmtree(libs, ignore_errors=True)
    fresh.rename(libs)
