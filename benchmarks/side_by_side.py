"""Three ways to play a night, side by side: this player's, rosbag2's, and sleep-the-difference.

    python -m benchmarks side_by_side

The other two are written anew in `benchmarks/pacing/players.py`, in this language and on this log,
so that what differs is how they keep time. The same night, the same listener, alternating runs.
"""

from collections.abc import Mapping
from statistics import median

from benchmarks.pacing import WARM_UP_S
from benchmarks.pacing.listening import Late, Play, lateness
from benchmarks.pacing.night import EMBEDDED, Night, log, recorded
from benchmarks.pacing.players import (
    read_ahead_and_publish,
    sleep_and_send,
    sleep_the_difference,
    this_player,
)
from benchmarks.table import Row

BESIDE = "bare loop"
PLAYERS: Mapping[str, Play] = {
    "this player": this_player,
    "read-ahead queue and player clock (rosbag2)": read_ahead_and_publish,
    "sleep the difference (OCD)": sleep_the_difference,
    "bare loop": sleep_and_send,
}
RATES = (1_000, 5_000, 20_000)


def rows(quick: bool = False) -> list[Row]:
    """Return p50, p99, maximum and drift of each player at each rate, in ms."""
    seconds, rounds = (1, 1) if quick else (20, 3)
    found = []
    for rate in RATES:
        with log(EMBEDDED) as cluster:
            night = recorded(cluster, rate, WARM_UP_S + seconds)
            found += _rows(night, _measured(night, rounds))
    return found


def _measured(night: Night, rounds: int) -> Mapping[str, Late]:
    runs: dict[str, list[Late]] = {name: [] for name in PLAYERS}
    for n in range(rounds):
        for number, (name, play) in enumerate(PLAYERS.items()):
            runs[name].append(lateness(night, f"p{number}-{n}", play, WARM_UP_S))
    return {
        name: Late(*(median(figures) for figures in zip(*late, strict=True)))
        for name, late in runs.items()
    }


def _rows(night: Night, measured: Mapping[str, Late]) -> list[Row]:
    bare = measured["bare loop"]
    found = []
    for name, late in measured.items():
        if late is bare:
            continue
        for what, figure in late._asdict().items():
            beside = getattr(bare, what)
            shown = f"{name}, {night.rate:,}/s, {'max' if what == 'most' else what}"
            ratio = figure / beside if what != "drift" else None
            found.append(Row(shown, figure, "ms", beside, ratio))
    return found
