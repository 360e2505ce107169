"""Two observatories' recordings in one log: HETDEX's older nights lie behind Rubin's."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

import pytest

from infra.importing import source_of
from infra.log import reading
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from producers.formats import open_recording
from schemas.record import NAMESPACE, AnyRecord
from tests.e2e.stage import HET, Stage, ended, on_stage

RUBIN_EVENTS, HETDEX_SHOTS = 11_394, 2_450
SAMPLE = 3
"""So many of HETDEX's hundreds of nights are exported and replayed by command; of Rubin's, all."""


class Told(NamedTuple):
    """What a file tells of an event: the id it must have, its time (µs) and its name."""

    id: UUID
    time: int
    name: str


class Files:
    """What the two files hold, read without our readers."""

    def __init__(self, rubin: Path, hetdex: Path) -> None:
        self.rubin, self.hetdex = rubin, hetdex
        self.events = [*self._samples(), *self._shots()]
        self.nights: dict[str, list[Told]] = defaultdict(list)
        for told in self.events:
            self.nights[night_of(told.time)].append(told)

    def _samples(self) -> Iterator[Told]:
        source = source_of(open_recording(self.rubin))
        with gzip.open(self.rubin, "rt", encoding="utf-8") as lines:
            for seq, line in enumerate(lines):
                sample = json.loads(line)
                name = ".".join(sample["topic"].split(".")[-3:])
                yield Told(uuid5(NAMESPACE, f"{source}:{seq}"), sample["time_ns"] // 1000, name)

    def _shots(self) -> Iterator[Told]:
        source = source_of(open_recording(self.hetdex))
        with self.hetdex.open(encoding="utf-8") as lines:
            for seq, line in enumerate(lines):
                columns = line.split()
                id_ = uuid5(NAMESPACE, f"{source}:{seq}")
                yield Told(id_, micros(columns[3], columns[0]), "ocd.run_shot.run")


def micros(mjd: str, date: str) -> int:
    """Return the instant of a shot: by its MJD, or of its date where that is missing."""
    if mjd == "-999999.9":
        return int(datetime.strptime(f"{date}Z", "%Y%m%d%z").timestamp()) * 1_000_000
    days, _, digits = mjd.partition(".")
    fraction = int(digits or 0) * 86_400_000_000 // int("1" + "0" * len(digits))
    return (int(days) - 40_587) * 86_400_000_000 + fraction


def night_of(time: int) -> str:
    """Return HET's night of an instant: from 18 h UTC, named by the date of its end."""
    return f"{datetime.fromtimestamp(time // 1_000_000, UTC) + timedelta(hours=6):%Y-%m-%d}"


@pytest.fixture
def files(shared_data: Path) -> Files:
    """The two recordings."""
    rubin = shared_data / "efd" / "rubin_summit_2023.jsonl.gz"
    return Files(rubin, shared_data / "hetdex" / "shots_2017_2019.txt")


@pytest.fixture
def sites(tmp_path: Path, mariadb_url: str, files: Files) -> Iterator[list[Stage]]:
    """One log with both recordings, Rubin's first, and tables on SQLite and on MariaDB."""
    with on_stage(tmp_path, site=HET) as sqlite:
        sqlite.done("import", files.rubin, files.hetdex)
        yield [sqlite, sqlite.also("mariadb", database={"url": mariadb_url})]


def told_by(records: Iterator[AnyRecord]) -> list[Told]:
    """Return what records tell."""
    return [Told(record.id, record.time, record.event.topic) for record in records]


def replayed(site: Stage, replay: str) -> list[Told]:
    """Return what a replay has put on the log, in order."""
    cluster = site.cluster
    place = (f"replay.{replay}.observatory", 0)
    spans = {place: [reading.whole(cluster, [place])[place]]}
    decode = Decoder(Registry(cluster)).record
    return told_by(decode(m) for batch in reading.messages(cluster, spans) for m in batch)


def exported(path: Path) -> list[Told]:
    """Return what an exported recording tells."""
    found = []
    for event, given_id, _ in open_recording(path).entries():
        assert given_id is not None
        found.append(Told(given_id, event.data_time, event.topic))
    return found


def chosen(nights: Mapping[str, list[Told]]) -> list[str]:
    """Return Rubin's nights and some of HETDEX's."""
    hetdex = [night for night in nights if night < "2020"]
    return [*random.Random(2017).sample(hetdex, SAMPLE), *sorted(set(nights) - set(hetdex))]


def test_each_night_has_its_own_events_and_no_others(sites: list[Stage], files: Files) -> None:
    site = sites[0]
    assert len(files.events) == RUBIN_EVENTS + HETDEX_SHOTS
    for number, night in enumerate(chosen(files.nights)):
        if number == SAMPLE:  # from here on the nights are found by the index's table
            site.done("run", "projections", "--once")
        path = site.folder / f"{night}.jsonl"
        site.done("export", night, "--to", path)
        assert exported(path) == files.nights[night]
        site.done("replay", "--night", night, "--speed", "max", "--id", night)
        assert replayed(site, night) == files.nights[night]


def test_windows_by_time_and_by_offset_in_a_log_of_both(sites: list[Stage], files: Files) -> None:
    site = sites[0]
    times = sorted(told.time for told in files.events)
    for number, (low, high) in enumerate([(100, 160), (2_440, 2_470), (9_000, 9_500)]):
        start, end = times[low], times[high]
        words = (
            "--from",
            iso(start),
            "--until",
            iso(end),
            "--speed",
            "max",
            "--no-state",
            "--id",
            f"t{number}",
        )
        site.done("replay", *words)
        within = [told for told in files.events if start <= told.time < end]
        assert replayed(site, f"t{number}") == within
        assert len(within) >= high - low - 10  # unless many events are of one instant
    edge = (RUBIN_EVENTS - 7, RUBIN_EVENTS + 9)
    by_offset = ("--from-offset", str(edge[0]), "--until-offset", str(edge[1]))
    site.done("replay", *by_offset, "--speed", "max", "--no-state", "--id", "offsets")
    assert replayed(site, "offsets") == files.events[slice(*edge)]


def iso(time: int) -> str:
    """Return an instant (µs) as people write it."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).isoformat()


def carried(digests: dict[str, str]) -> dict[str, str]:
    """Return the digests of the views of what a replay carries."""
    return {view: digest for view, digest in digests.items() if view != "quarantine"}


def test_the_tables_of_both_are_one_on_both_databases(sites: list[Stage], files: Files) -> None:
    sites[0].done("replay", "--all", "--speed", "max", "--id", "both")
    digests = []
    for namespace in ("", "replay.both."):
        words = ("--namespace", namespace, "run", "projections", "--once")
        running = [site.start(*words) for site in sites]
        assert [ended(process).code for process in running] == [0, 0]
        digests += [carried(site.digests(namespace)) for site in sites]
    running = [site.start("verify", "all", "--replay", "both", "--json") for site in sites]
    for result in map(ended, running):
        assert result.code == 0, result
        found = json.loads(result.out)["views"]
        digests.append({view["view"]: view["digests"]["rebuilt"] for view in found})
    assert len(digests) == 6
    assert all(found == digests[0] for found in digests)
    for site in sites:
        rows = site.rows("SELECT night, tcs_events, first_time, last_time FROM night_summary")
        assert {night: rest for night, *rest in rows} == {
            night: [len(of), min(t.time for t in of), max(t.time for t in of)]
            for night, of in files.nights.items()
        }
