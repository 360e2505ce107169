"""How long the choice of the next shot takes, of 3,000 candidates.

    python -m benchmarks scheduling

Warm: the list is known, the time another one. Cold: the list was never seen, nor the night. Without
`--quick` the night of 2019-03-07 is planned, too, where HETDEX's list of real shots is there.
"""

from collections.abc import Sequence
from os import environ
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter, thread_time
from typing import NamedTuple

from benchmarks.table import Row
from consumers.orchestrator.scheduling import Constraints, next_shot, plan_night, prepare
from producers.formats import open_recording
from schemas.events.shot_lists import Shot
from schemas.utc import MICROS, parse

SHOTS = 3000
BESIDE = "bar"
_DARK = parse("2019-03-07T06:00:00Z")
_NIGHT = parse("2019-03-06T18:00:00Z"), parse("2019-03-07T18:00:00Z")
_LIMITS = Constraints()
_LIST = Path(environ.get("EVCTL_SHARED_DATA", "../shared/data")) / "hetdex/shots_2017_2019.txt"


class _Taken(NamedTuple):
    """How long the next shot took, in ms."""

    wall: float
    cpu: float


def rows(quick: bool = False) -> list[Row]:
    """Return the times of both, and what the night gets."""
    rounds = 100 if quick else 1000
    found = [
        *_times("next shot, warm", 5.0, [_warm(number) for number in range(rounds)]),
        *_times("next shot, cold", 50.0, [_cold(number) for number in range(rounds // 10)]),
    ]
    return found if quick or not _LIST.exists() else [*found, *_night()]


def _times(name: str, bar: float, taken: Sequence[_Taken]) -> list[Row]:
    """Return medians and 99th percentiles; CPU is what a busy machine does not lengthen."""
    note = f"{SHOTS:,} shots, {len(taken):,} times"
    found = []
    for what, times in (("", [t.wall for t in taken]), (", CPU", [t.cpu for t in taken])):
        for rank, value in (("median", median(times)), ("p99", quantiles(times, n=100)[98])):
            found.append(Row(f"{name}{what}, {rank}", value, "ms", bar, value / bar, note))
    return found


def _made_up(seed: int) -> Sequence[Shot]:
    draw = Random(seed)
    return [
        Shot(
            f"S{number:05}",
            draw.uniform(0, 24),
            draw.uniform(-10, 72),
            draw.choice((0, 1, 2)),
            draw.randint(1, 5),
            draw.randint(1, 3),
            None,
            {},
        )
        for number in range(SHOTS)
    ]


_KNOWN = _made_up(0)


def _warm(number: int) -> _Taken:
    return _taken(_KNOWN, _DARK + number * MICROS)


def _cold(number: int) -> _Taken:
    return _taken(_made_up(number), _DARK)


def _taken(shots: Sequence[Shot], time: int) -> _Taken:
    begun, used = perf_counter(), thread_time()
    found = next_shot(prepare(shots), time, {"S00001": 1}, 98.0, _LIMITS)
    taken = _Taken((perf_counter() - begun) * 1000, (thread_time() - used) * 1000)
    assert found.shot is not None, found
    return taken


def _night() -> list[Row]:
    """Return what the night with most real shots gets, from its own and from all shots left."""
    seen = [entry.event.values for entry in open_recording(_LIST).entries()]
    known = [v for v in seen if v["ra"] is not None and int(str(v["obsdate"])) >= 20190307]
    own = [v for v in known if v["obsdate"] == 20190307]
    made = []
    for name, values in (("its own shots", own), ("all shots left", known)):
        shots = [_shot(v["shotid"], n, v["ra"], v["dec"]) for n, v in enumerate(values)]
        planned = len(plan_night(prepare(shots), *_NIGHT, _LIMITS))
        note = f"of {len(shots)} candidates; beside the real night"
        made.append(_count(f"night 2019-03-07, {name}", planned, len(own), "shots", note))
        minutes = _LIMITS.exposures_s / 60
        ours, real = planned * minutes, len(own) * minutes
        made.append(_count(f"night 2019-03-07, {name}, shutter", ours, real, "min", "3 × 360 s"))
    return made


def _count(name: str, ours: float, real: float, unit: str, note: str) -> Row:
    return Row(name, ours, unit, real, ours / real, note)


def _shot(name: object, number: int, ra: object, dec: object) -> Shot:
    return Shot(f"{name}.{number}", float(str(ra)), float(str(dec)), 2, 1, 1, None, {})
