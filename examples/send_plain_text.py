"""Send a line to a topic as a program does that knows Kafka, and nothing of Avro.

python examples/send_plain_text.py observatory "dome open"
"""

import sys

from infra.log.cluster import connect
from infra.settings import load


def main(topic: str, line: str) -> None:
    """Append the line, and wait until the log has it."""
    cluster = connect(load().settings)
    producer = cluster.producer()
    producer.produce(f"{cluster.namespace}{topic}", line.encode(), partition=0)
    producer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
