"""`make bench`: every table, printed and kept in `benchmarks/results/`.

`python -m benchmarks [--quick] [NAME…]` runs only some of the modules, and those that `make bench`
leaves out because they take long: `drift`.
"""

import argparse
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module, metadata
from io import BytesIO
from os import cpu_count, getloadavg
from pathlib import Path
from timeit import repeat

import fastavro

from benchmarks.table import Row, markdown
from infra.clock import utc_micros

MODULES = (
    "broker",
    "against_kafka",
    "publishing",
    "recordings",
    "projecting",
    "exactly_once",
    "scaling_out",
    "rebuilding",
    "archive",
    "reprocessing",
    "rubin",
    "bridge",
    "replay_speed",
    "whole_night",
    "standing",
    "scheduling",
    "pacing",
    "side_by_side",
    "closed_loop",
    "latency",
    "numbering",
)
LONG = ("drift",)
RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("confluent-kafka", "fastavro", "sqlalchemy", "pymysql", "orjson", "kio")
_EVENT = {"a": 1_763_604_000_000_000, "b": "metrology", "c": 1.2, "d": 3.4, "e": 17, "f": True}
_SCHEMA = {
    "type": "record",
    "name": "Six",
    "fields": [
        {"name": name, "type": kind}
        for name, kind in zip(
            "abcdef", ("long", "string", "double", "double", "int", "boolean"), strict=True
        )
    ],
}

_ABOUT = (
    "Measure what is named, or everything but " + ", ".join(LONG) + ", which takes 20 minutes, and "
    "print tables with a bare loop or a peer beside. Only a whole run is kept in results/."
)


def main(words: list[str]) -> None:
    """Run the modules named, all if none is, and write the tables down unless `--quick`."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=_ABOUT)
    parser.add_argument("--quick", action="store_true", help="short runs, to see that they run")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*MODULES, *LONG)))
    given = parser.parse_args(words)
    if unknown := [name for name in given.names if name not in {*MODULES, *LONG}]:
        parser.error(f"there is no benchmark {unknown[0]!r}; `--help` lists them")
    quick, chosen = given.quick, given.names or list(MODULES)
    text = [_heading(), ""]
    print("\n".join(text), flush=True)
    for name in chosen:
        module = import_module(f"benchmarks.{name}")
        rows: list[Row] = module.rows(quick)
        beside = getattr(module, "BESIDE", "bare")
        table = f"## {name}\n\n{markdown(rows, beside)}\n"
        print(table, flush=True)
        text.append(table)
    if not quick and chosen == list(MODULES):
        day = datetime.fromtimestamp(utc_micros() / 1e6, UTC).date().isoformat()
        path = RESULTS / f"{day}-{_commit()}.md"
        path.write_text("\n".join(text), encoding="utf-8")
        print(f"written to {path}")


def _heading() -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return (
        f"# Benchmarks at commit {_commit()}\n\n"
        f"{cpu_count()} cores {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {versions}. "
        f"Load before: {getloadavg()[0]:.2f}. Pace of this machine: fastavro decodes a record of "
        f"six fields in {_pace():.2f} µs.\n\n"
        "A 4-value TcsEvent is about 140 bytes. `observatory` is synced before each "
        "acknowledgement (flush.messages=1). Medians of five alternating runs, the bare loop "
        "beside ours."
    )


def _pace() -> float:
    """Return the time that fastavro takes to decode a small record, µs: to compare machines."""
    parsed, buffer = fastavro.parse_schema(_SCHEMA), BytesIO()
    fastavro.schemaless_writer(buffer, parsed, _EVENT)
    data, number = buffer.getvalue(), 20_000
    best = min(
        repeat(lambda: fastavro.schemaless_reader(BytesIO(data), parsed, None), number=number)
    )
    return best / number * 1e6


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=RESULTS,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":  # a benchmark's own processes import this again
    main(sys.argv[1:])
