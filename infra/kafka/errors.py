"""What can hinder Apache Kafka on this machine."""

from pathlib import Path

from schemas.errors import EvctlError


class KafkaMissing(EvctlError):
    """Java, Maven or the jars are not to be had."""


class KafkaNotStarted(EvctlError):
    """A node ended, or did not answer in time."""

    def __init__(self, log: Path, what: str) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else ""
        super().__init__(f"Kafka {what}; the end of {log}:\n{tail}")
        self.log = log


class AnotherSize(EvctlError):
    """A cluster of another size runs in the directory."""

    def __init__(self, runs: int, wanted: int) -> None:
        super().__init__(
            f"A cluster of {runs} node(s) runs already, and {wanted} were asked for: "
            "stop it first with `make kafka-down`."
        )
        self.runs = runs
