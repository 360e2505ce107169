"""Apache Kafka on this machine: what the embedded broker is held to, and measured against.

    from infra.kafka import Cluster

    with Cluster(directory, nodes=1) as kafka:
        kafka.bootstrap_servers

- `installing`: the jars, from Maven Central, once
- `java`: Java and its command lines; Kafka's own tools are run with them
- `properties`: how a node is set
- `node` and `cluster`: nodes as processes, in a directory of their own, on free ports of 127.0.0.1

Nothing here is needed to run evctl. It is for tests, benchmarks, and `make kafka-up`.
"""

from infra.kafka.cluster import Cluster
from infra.kafka.errors import KafkaMissing, KafkaNotStarted
from infra.kafka.installing import install
from infra.kafka.java import Heap, tool

__all__ = ["Cluster", "Heap", "KafkaMissing", "KafkaNotStarted", "install", "tool"]
