"""Rubin's summit in 2023, 11,394 real events: imported, replayed, rebuilt, on two databases."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import RUBIN, Stage, ended, on_stage

EVENTS = 11_394
BUSIEST = 6_621
MINUTE_NS = 60_000_000_000


@pytest.fixture
def rubin(shared_data: Path) -> Path:
    """The recording."""
    return shared_data / "efd" / "rubin_summit_2023.jsonl.gz"


@pytest.fixture
def sites(tmp_path: Path, mariadb_url: str, rubin: Path) -> Iterator[list[Stage]]:
    """One log with the recording in it, and two sites on it: tables on SQLite and on MariaDB."""
    with on_stage(tmp_path, site=RUBIN) as sqlite:
        assert sqlite.done("import", rubin).startswith(f"{rubin}: {EVENTS:,} events added")
        yield [sqlite, sqlite.also("mariadb", database={"url": mariadb_url})]


def samples(rubin: Path) -> list[dict[str, Any]]:
    """Return the file's lines, read without any of our code."""
    with gzip.open(rubin, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def minutes(found: Sequence[dict[str, Any]]) -> Counter[tuple[int, str]]:
    """Return how many samples there are of each minute (its start in µs) and source."""
    return Counter(
        (s["time_ns"] // MINUTE_NS * 60_000_000, s["topic"].split(".")[-2]) for s in found
    )


def nights(found: Sequence[dict[str, Any]]) -> Counter[str]:
    """Return how many samples there are of each night: from 12 h UTC, named by its start."""
    noon_s = 12 * 3600
    days = (datetime.fromtimestamp(s["time_ns"] // 10**9 - noon_s, UTC) for s in found)
    return Counter(f"{day:%Y-%m-%d}" for day in days)


def on_all(sites: Sequence[Stage], *words: str) -> list[str]:
    """Run a command at all sites at once; return what each printed."""
    running = [site.start(*words) for site in sites]
    results = [ended(process) for process in running]
    assert [result.code for result in results] == [0] * len(sites), results
    return [result.out for result in results]


def test_every_event_counts_once_and_all_tables_are_one(sites: list[Stage], rubin: Path) -> None:
    found = samples(rubin)
    assert len(found) == EVENTS
    on_all(sites, "run", "projections", "--once")
    live = [site.digests() for site in sites]

    assert f"Replayed {EVENTS:,} records" in sites[0].done(
        "replay", "--all", "--speed", "max", "--id", "whole"
    )
    on_all(sites, "--namespace", "replay.whole.", "run", "projections", "--once")
    replayed = [site.digests("replay.whole.") for site in sites]
    verdict = json.loads(sites[1].done("verify", "all", "--replay", "whole", "--json"))

    on_all(sites, "rebuild", *live[0])
    rebuilt = [site.digests() for site in sites]

    for digests in (*live, *replayed, *rebuilt):
        assert digests == live[0]
    assert verdict["agrees"] is True
    for view in verdict["views"]:
        assert sorted(view["digests"]) == ["live", "rebuilt", "replayed"]
        assert set(view["digests"].values()) == {live[0][view["view"]]}
    for site in sites:
        for tables in ("", "replay_whole__"):
            counted_once(site, tables, found)


def counted_once(site: Stage, tables: str, found: Sequence[dict[str, Any]]) -> None:
    """Compare the tables' counts with the file's."""
    ((rows, ids),) = site.rows(f"SELECT count(*), count(DISTINCT event_id) FROM {tables}tcs_events")
    assert (rows, ids) == (EVENTS, EVENTS)
    activity = site.rows(f"SELECT minute_start, tcs_source, events FROM {tables}tcs_activity")
    assert {(minute, source): events for minute, source, events in activity} == minutes(found)
    summary = site.rows(f"SELECT night, tcs_events, records FROM {tables}night_summary")
    assert set(summary) == {(night, count, count) for night, count in nights(found).items()}
    index = site.rows(f"SELECT night, sum(records) FROM {tables}night_index GROUP BY night")
    assert {night: int(records) for night, records in index} == nights(found)


@pytest.mark.parametrize(
    "speeds",
    [("10", "max"), pytest.param(("1", "max"), marks=pytest.mark.slow)],
    ids=" and ".join,
)
def test_the_busiest_minute_is_the_same_at_every_speed(
    sites: list[Stage], rubin: Path, speeds: tuple[str, ...]
) -> None:
    by_minute = Counter(sample["time_ns"] // MINUTE_NS for sample in samples(rubin))
    ((minute, events),) = by_minute.most_common(1)
    assert events == BUSIEST
    start, end = (datetime.fromtimestamp(60 * m, UTC).isoformat() for m in (minute, minute + 1))
    digests = []
    for speed in speeds:
        words = ("--from", start, "--until", end, "--no-state", "--speed", speed, "--json")
        played = sites[0].done("replay", *words, "--id", f"at{speed}", timeout=150)
        report = json.loads(played)
        assert (report["records"], report["complete"], report["out_of_order"]) == (events, True, 0)
        on_all(sites, "--namespace", f"replay.at{speed}.", "run", "projections", "--once")
        digests += [site.digests(f"replay.at{speed}.") for site in sites]
        for site in sites:
            ((rows,),) = site.rows(f"SELECT count(*) FROM replay_at{speed}__tcs_events")
            assert rows == events
    assert len(digests) == 4
    assert all(found == digests[0] for found in digests)
