"""A publisher with a journal of what was acknowledged: `python -m tests.crash.chaos.publisher`.

Killed and started again, it goes on behind the last number of its journal: what was under way
then is sent again under the same numbers.
"""

import argparse
import os
import sys
from pathlib import Path

from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.settings import load
from infra.signals import Stop, stopping
from schemas.errors import EvctlError
from schemas.topics import OBSERVATORY
from tests.crash.chaos.script import Script, batch_from


def last_acknowledged(journal: Path) -> int:
    """Return the last number of a journal, −1 where there is none."""
    lines = journal.read_bytes().split(b"\n") if journal.exists() else [b""]
    return int(lines[-2]) if len(lines) > 1 else -1  # behind the last line's end is nothing


def publish(site_file: Path, source: str, journal: Path, script: Script, rate: float) -> int:
    """Publish until a stop is asked for, about `rate` records a second; return the exit code."""
    with stopping() as stop:
        try:
            _publish(site_file, source, journal, script, rate, stop)
        except EvctlError as fault:
            sys.stderr.write(f"publisher: {fault}\n")
            return fault.exit_code
        return stop.exit_code


def _publish(
    site_file: Path, source: str, journal: Path, script: Script, rate: float, stop: Stop
) -> None:
    cluster = connect(load(site_file, None, {}, {}, site_file.parent).settings)
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, source, linger_ms=1)
    seq = last_acknowledged(journal) + 1
    written = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while not stop.requested:
        count = batch_from(seq)
        for number in range(seq, seq + count):
            publisher.publish(script.event(source, number), seq=number)
        publisher.flush()
        seq += count
        os.write(written, b"%d\n" % (seq - 1))  # one call: whole or not at all, for a kill
        stop.wait(count / rate)


def main() -> int:
    """Publish as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--site-file", type=Path, required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--began", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    args = parser.parse_args()
    return publish(args.site_file, args.source, args.journal, Script(args.began), args.rate)


if __name__ == "__main__":
    sys.exit(main())
