"""A night of ten hours at the simulated telescope, in lock-step with the orchestrator.

python -m benchmarks closed_loop
"""

from math import inf
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.scene import site_and_log
from benchmarks.table import Row
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.signals import Stop
from infra.simulating.companion import Companion
from infra.simulating.report import Report
from infra.simulating.running import Simulation
from producers.telescope import sky
from producers.telescope.scenario import Scenario
from schemas import utc
from schemas.events.shot_lists import EAST, EITHER, WEST, Shot
from schemas.events.ticks import TimePassed
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

BESIDE = "no barrier"
HOURS = 10.0
BAR_S = 120.0
LIST = Path(__file__).parents[2] / "shared" / "data" / "hetdex" / "shots_2017_2019.txt"
"""Shots as HETDEX observed them; where that is missing, as many are made up."""


def rows(quick: bool = False) -> list[Row]:
    """Return what a night takes beside the same records published without waiting."""
    hours, rounds = (0.5, 1) if quick else (HOURS, 3)
    dusk, _ = sky.darkness(utc.parse("2019-03-06T18:00"))
    night = Scenario(1, dusk, dusk + round(hours * 3600 * MICROS), shots=shots(), name="hetdex")
    ours, bare, reports = [], [], []
    with site_and_log() as (file, cluster):
        for number in range(rounds):
            begin = perf_counter()
            reports.append(_closed(file, cluster.in_namespace(f"sim.closed{number}."), night))
            ours.append(reports[-1].duration)
            begin = perf_counter()
            _open(cluster.in_namespace(f"sim.open{number}."), night)
            bare.append(perf_counter() - begin)
        synced = _acknowledged(cluster.in_namespace("sim.synced."))
    return [*_night(reports, median(ours), median(bare), hours), *_answers(reports, synced)]


def _night(reports: list[Report], mine: float, other: float, hours: float) -> list[Row]:
    report = reports[-1]
    note = f"{report.events:,} events; bar: {BAR_S * hours / HOURS:g} s"
    same = all(one.decisions == report.decisions for one in reports)
    return [
        Row(f"a simulated night of {hours:g} h, closed loop", mine, "s", other, mine / other, note),
        Row("shots finished", report.finished, "shots", note=f"{report.chosen} chosen"),
        Row("open shutter", report.open_shutter / 3600, "h", note="of all exposures"),
        Row(
            "nights alike",
            len(reports) if same else 0,
            "nights",
            note="the same shots chosen at the same instants",
        ),
    ]


def _answers(reports: list[Report], synced: float) -> list[Row]:
    waits = sorted(wait for report in reports for wait in report.waits)
    middle, late = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    note = "beside: one record acknowledged, which is on the disk then"
    return [
        Row("a heartbeat answered, p50", middle, "ms", synced, middle / synced, note),
        Row("a heartbeat answered, p99", late, "ms", synced, late / synced),
    ]


def shots() -> tuple[Shot, ...]:
    """Return the list of shots: HETDEX's, or one made up."""
    if not LIST.is_file():
        return tuple(
            Shot(f"made{n}", n * 24 / 2300, n * 37 % 75 - 5.0, EITHER, 1, 1, None, {})
            for n in range(2300)
        )
    found: dict[str, Shot] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        _, _, name, _, ra, dec, *_ = line.split()
        track = EAST if name.endswith("_E") else WEST if name.endswith("_W") else EITHER
        if float(ra) >= 0:
            found.setdefault(name, Shot(name, float(ra), float(dec), track, 1, 1, None, {}))
    return tuple(found.values())


def _closed(file: Path, cluster: Cluster, night: Scenario) -> Report:
    companion, stop = Companion(["--site-file", str(file)], cluster.namespace), Stop()
    try:
        return Simulation(cluster, night, stop, speed=inf, watch=companion.check).run()
    finally:
        companion.end()
        stop.close()


def _open(cluster: Cluster, night: Scenario) -> None:
    stop = Stop()
    Simulation(cluster, night, stop, speed=inf, closed=False).run()
    stop.close()


def _acknowledged(cluster: Cluster) -> float:
    """Return what one record takes until it is acknowledged, in ms: median of 500."""
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "bench", linger_ms=0)
    took = []
    for number in range(500):
        begin = perf_counter()
        publisher.publish(TimePassed(number * MICROS))
        publisher.flush()
        took.append((perf_counter() - begin) * 1000)
    return median(took)
