"""Kafka's jars, fetched once with Maven into the project's build directory."""

from pathlib import Path

from infra.kafka.errors import KafkaMissing
from infra.kafka.java import java
from infra.setup.maven import NotFetched, fetch

BUILD = Path(__file__).parents[2] / "build" / "kafka"
_POM = Path(__file__).with_name("pom.xml")


def install(build: Path = BUILD) -> Path:
    """Return the directory of the jars; the first call, or the first after a change, fetches them.

    Any number of processes may call it at once. Raises `KafkaMissing`.
    """
    java()
    try:
        return fetch(_POM, build, "copy-dependencies", "Apache Kafka")
    except NotFetched as fault:
        raise KafkaMissing(str(fault)) from fault
