"""Apicurio Registry as a process: in memory, on a free port of 127.0.0.1."""

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.kafka.errors import KafkaMissing
from infra.kafka.java import java
from infra.kafka.node import free_port, guard
from infra.kafka.properties import HOST
from infra.log.cluster import RegistryAddress
from infra.log.errors import RegistryRefused, RegistryUnavailable
from infra.log.schemas_rest import RestSchemas
from infra.setup.maven import NotFetched, fetch
from schemas.errors import EvctlError

BUILD = Path(__file__).parents[2] / "build" / "apicurio"
_POM = Path(__file__).with_name("pom.xml")
_API = "apis/ccompat/v7"
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.1
_HEAP = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class ApicurioMissing(EvctlError):
    """Java, Maven or the registry's jars are not to be had."""


class ApicurioNotStarted(EvctlError):
    """The registry ended, or did not answer in time."""

    def __init__(self, log: Path) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        super().__init__(f"Apicurio did not start; the end of {log}:\n{tail}")
        self.log = log


def install(build: Path = BUILD) -> Path:
    """Return the directory of its jars; the first call fetches them. Raises `ApicurioMissing`."""
    try:
        java()
        return fetch(_POM, build, "unpack", "Apicurio Registry")
    except (KafkaMissing, NotFetched) as fault:
        raise ApicurioMissing(str(fault)) from fault


class Apicurio:
    """A registry with nothing in it; its process ends with this one, however that ends."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "apicurio.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it, and return when it answers; raise `ApicurioMissing` or `ApicurioNotStarted`."""
        libs, port = install(), free_port()
        (jar,) = libs.glob("*-runner.jar")
        options = [f"-Dquarkus.http.host={HOST}", f"-Dquarkus.http.port={port}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [java(), *_HEAP, *options, "-jar", str(jar)],
                cwd=self._log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = guard(os.getpid(), self._process.pid)
        self.url = f"http://{HOST}:{port}/{_API}"
        self._wait(self._process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ApicurioNotStarted(self._log)
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        try:
            RestSchemas(RegistryAddress(self.url)).open()
        except (RegistryUnavailable, RegistryRefused):
            return False
        return True

    def stop(self) -> None:
        """End the process, and wait for its end."""
        if self._process is None or self._guard is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._guard.kill()
        self._guard.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()
