"""Rubin's recording, up to 91 values an event in most topics, beside bare loops over the same."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.projecting import databases, decode_all, into_table
from benchmarks.recordings import bare_rate, import_rate
from benchmarks.replay_speed import bare_copy, replay_copy
from benchmarks.scene import pairs, scene
from benchmarks.table import Row, against
from infra.importing import import_recording
from infra.indexing import night_index, nights_of
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.signals import stopping
from producers.formats import open_recording
from projections import views

RECORDING = Path(__file__).parents[2] / "shared" / "data" / "efd" / "rubin_summit_2023.jsonl.gz"


def rows(quick: bool = False) -> list[Row]:
    """Return import, replay and projection of the recording; nothing where it is missing."""
    if not RECORDING.exists():
        return []
    rounds = 1 if quick else 5
    with scene() as site, databases() as urls:
        count = sum(1 for _ in _read())
        ours, bare = pairs(
            rounds,
            lambda n: import_rate(site, f"ours{n}", RECORDING, count),
            lambda n: bare_rate(site, f"bare{n}", count, _read),
        )
        found = [against("import", ours, bare, "events/s", "bar: 0.6 of bare")]
        cluster = connect(site)
        with stopping() as stop:
            import_recording(
                cluster,
                Registry(cluster),
                night_index(cluster, site),
                open_recording(RECORDING),
                stop,
                lambda _: None,
            )
        ours, bare = pairs(
            rounds,
            lambda n: count / _seconds(lambda: replay_copy(cluster, f"r{n}", bounded=False)),
            lambda n: count / _seconds(lambda: bare_copy(cluster, count, f"copy{n}")),
        )
        found.append(against("replay at max", ours, bare, "events/s", "bar: 0.5 of bare"))
        decoded = median(count / _seconds(lambda: decode_all(cluster)) for _ in range(rounds))
        known = views(nights_of(site))
        for name in ("tcs_latest", "tcs_events"):
            for kind, new in urls.items():
                measured = [
                    into_table(site, cluster, known[name], new, count) for _ in range(rounds)
                ]
                note = "bare: consume and decode only"
                found.append(
                    against(f"{name} into {kind}", median(measured), decoded, "events/s", note)
                )
        return found


def _read() -> Iterator[dict[str, Any]]:
    with gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            system, source, key = entry["topic"].split(".")[-3:]
            time = entry["time_ns"] // 1000
            yield {
                "data_time": time,
                "wire_time": time,
                "system": system,
                "source": source,
                "key": key,
                "more_data": False,
                "values": entry["fields"],
                "original_text": {},
            }


def _seconds(work: Any) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin
