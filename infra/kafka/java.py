"""Java, and the command lines that run Kafka's classes."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.kafka.errors import KafkaMissing

OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')
_LOGGING = Path(__file__).with_name("log4j2.properties")


@dataclass(frozen=True, slots=True)
class Heap:
    """Memory of a Java process (MB), and its other options."""

    least: int
    most: int
    options: tuple[str, ...] = ()


TOOL = Heap(32, 256, ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"))
"""A process of seconds: the quick compiler alone, so that it starts sooner."""

SMALL_NODE = Heap(128, 384, ("-XX:+UseSerialGC",))
"""Enough for tests; records are in the page cache, not on the heap."""


@cache
def java() -> str:
    """Return the path of a Java that is new enough; raises `KafkaMissing`."""
    found = shutil.which("java")
    told = ""
    if found is not None:
        run = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
        told = run.stderr
    version = _VERSION.search(told)
    if found is None or version is None or int(version[1]) < OLDEST:
        what = f"Java {version[1]} is on the PATH" if version else "there is no Java on the PATH"
        raise KafkaMissing(
            f"Kafka needs Java {OLDEST} or newer, and {what} "
            "(Debian: apt install openjdk-17-jre-headless)."
        )
    return found


def command(
    libs: Path, main: str, *arguments: str, heap: Heap = TOOL, log_level: str = "WARN"
) -> list[str]:
    """Return the command line that runs the class `main` of the jars in `libs`."""
    return [
        java(),
        f"-Xms{heap.least}m",
        f"-Xmx{heap.most}m",
        *heap.options,
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
        f"-Devctl.log.level={log_level}",
        "-cp",
        f"{libs}/*",
        main,
        *arguments,
    ]


_TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log": "kafka.tools.DumpLogSegments",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-storage": "kafka.tools.StorageTool",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
}


def tool(libs: Path, name: str, *arguments: str) -> list[str]:
    """Return the command line of one of Kafka's tools, named as in its distribution."""
    return command(libs, _TOOLS[name], *arguments)
