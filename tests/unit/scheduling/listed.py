"""Shots and lists of them, made up and real, for tests of the scheduler."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from producers.formats import open_recording
from producers.shot_file import METADATA_COLUMNS
from schemas.events.shot_lists import EAST, EITHER, WEST, Shot
from schemas.utc import MICROS, parse

NIGHT = parse("2019-03-06T18:00:00Z"), parse("2019-03-07T18:00:00Z")
"""The night of 2019-03-07: new moon."""

METADATA = dict.fromkeys(METADATA_COLUMNS, "0")


def shot(shotid: str, ra: float, dec: float, **others: Any) -> Shot:
    """Return a shot that may be observed once, on either side."""
    fields = {"track": EITHER, "priority": 1, "n_obs": 1, "forced_az": None, **others}
    return Shot(shotid, ra, dec, metadata=METADATA, **fields)


def shots(most: int = 12) -> st.SearchStrategy[Sequence[Shot]]:
    """Return a strategy for lists; many of their shots are in reach in the night of `NIGHT`."""
    one = st.builds(
        shot,
        st.text("ABC", min_size=1, max_size=4),
        st.floats(0, 23.999),
        st.floats(-20, 80),
        track=st.sampled_from((EAST, WEST, EITHER)),
        priority=st.integers(1, 3),
        n_obs=st.integers(0, 2),
        forced_az=st.none() | st.floats(0, 359.999),
    )
    return st.lists(one, min_size=1, max_size=most, unique_by=lambda made: made.shotid)


def instants() -> st.SearchStrategy[int]:
    """Return a strategy for instants of the night, most of them dark."""
    return st.integers(NIGHT[0] + 8 * 3600 * MICROS, NIGHT[0] + 18 * 3600 * MICROS)


class Observed(NamedTuple):
    """A real shot: when its first exposure began, where, and the parallactic angle recorded."""

    name: str
    date: int
    time: int
    ra: float
    dec: float
    parallactic: float
    exposure_s: float


def observed(shared_data: Path) -> Sequence[Observed]:
    """Return HETDEX's real shots of 2017 to 2019 whose time and place are known."""
    recording = open_recording(shared_data / "hetdex" / "shots_2017_2019.txt")
    found = []
    for entry in recording.entries():
        said: Any = entry.event.values
        if None not in (said["ra"], said["dec"], said["mjd"]):
            name = f"{said['shotid']}.{said['obsdate']}.{said['obs_number']:03}"
            where = said["ra"], said["dec"], said["parallactic"], said["exptime"]
            found.append(Observed(name, said["obsdate"], entry.event.data_time, *where))
    return found
