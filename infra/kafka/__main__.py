"""`python -m infra.kafka install|up|down`: Apache Kafka for developers and tests.

install [--if-possible]   fetch the jars; with --if-possible, only say what hinders it
up [--nodes 3]            start a cluster, unless it runs, and say how to use it
down                      stop it, and remove its records
"""

import argparse
import sys

from infra.kafka import standing
from infra.kafka.errors import KafkaMissing
from infra.kafka.installing import BUILD, install
from schemas.errors import EvctlError

_UP = BUILD / "up"


def main() -> int:
    """Do as told; returns the exit code."""
    arguments = _arguments()
    try:
        if arguments.action == "install":
            install()
        elif arguments.action == "up":
            _up(arguments.nodes)
        elif standing.down(_UP):
            sys.stdout.write("Kafka is stopped, its records are removed.\n")
    except KafkaMissing as missing:
        if not arguments.if_possible:
            return _fail(missing)
        sys.stdout.write(f"{missing}\nUntil then the tests that use Kafka are skipped.\n")
    except EvctlError as error:
        return _fail(error)
    return 0


def _up(nodes: int) -> None:
    started = standing.up(_UP, nodes)
    pids = ", ".join(map(str, started.processes))
    sys.stdout.write(
        f"Kafka listens on {started.bootstrap_servers} (process {pids}).\n"
        "In the site file:\n\n"
        f"log:\n  bootstrap_servers: {started.bootstrap_servers}\n\n"
        f"or: export EVCTL_LOG__BOOTSTRAP_SERVERS={started.bootstrap_servers}\n"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.kafka",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["install", "up", "down"])
    parser.add_argument("--nodes", type=int, choices=[1, 3], default=1)
    parser.add_argument("--if-possible", action="store_true")
    return parser.parse_args()


def _fail(error: EvctlError) -> int:
    sys.stderr.write(f"{error}\n")
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
