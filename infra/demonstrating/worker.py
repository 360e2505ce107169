"""A projection process of the demonstration, and what it says of its part in the group."""

from pathlib import Path
from subprocess import Popen

from infra.demonstrating.stage import Stage
from schemas.topics import OBSERVATORY

_STANDS_BY = "standing by"


class Worker:
    """`evctl run projections` as a process, with a log file of its own; one name, many lives."""

    def __init__(self, stage: Stage, namespace: str, name: str) -> None:
        self._stage, self._namespace, self.name = stage, namespace, name
        self._file: Path = stage.folder / "logs" / f"{namespace}projections-{name}.log"
        self._took = f"took {OBSERVATORY.full_name(namespace)}[0] from"
        self._process: Popen[str] | None = None
        self._read = 0

    def start(self) -> None:
        """Begin, or begin anew."""
        words = ("--namespace", self._namespace) if self._namespace else ()
        self._read = len(self._text())
        self._process = self._stage.start(
            *words, "run", "projections", "--log-file", str(self._file)
        )

    def joined(self) -> bool:
        """Whether it has been told its part in the group since it was started."""
        said = self._text()[self._read :]
        return " took " in said or _STANDS_BY in said

    def writes(self) -> bool:
        """Whether it has the observatory's partition."""
        said = self._text()[self._read :]
        return said.rfind(self._took) > said.rfind(_STANDS_BY)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._stage.kill(self._process)

    def end(self) -> None:
        """End it as Ctrl+C would, and see that it does as documented."""
        if self._process is not None:
            self._stage.end(self._process)

    def _text(self) -> str:
        return self._file.read_text(encoding="utf-8") if self._file.exists() else ""
