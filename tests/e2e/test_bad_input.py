"""What can't be done is refused in one clear sentence, and nothing is lost by it."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.kafka.node import free_port
from infra.log import reading, topics
from tests.e2e.stage import Stage, on_stage
from tests.waiting import WAIT_S

SHOTS = 2_450
IMPATIENT = {"client": {"message.timeout.ms": 2000}}
"""Settings of `log` for what is to be refused soon: other commands may meet a slow disk."""


class Case(NamedTuple):
    """A command line, the files that it needs, its exit code, and how its sentence goes."""

    line: str
    code: int
    sentence: str
    make: Callable[[Stage], None] = lambda _: None


def no_database(stage: Stage) -> None:
    """A text file by the name of a database."""
    (stage.folder / "text.db").write_text("2026-11-20 clear, seeing 1.2\n" * 100)


def truncated(stage: Stage) -> None:
    """The first half of an exported night."""
    whole = stage.folder / "whole.db"
    stage.done("export", "all", "--to", whole, "--force")
    (stage.folder / "half.db").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])


def without_a_table(stage: Stage) -> None:
    """A SQLite database that has events but no attributes."""
    (stage.folder / "bare.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(stage.folder / "bare.db")) as database:
        database.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, topic TEXT)")


def misfits(stage: Stage) -> None:
    """Three events, of which the last has a text where a number of µs is wanted."""
    good = (
        '{"data_time": 1, "wire_time": 1, "system": "a", "source": "b", "key": "c", '
        '"more_data": false, "values": {}, "original_text": {}}\n'
    )
    bad = good.replace('"more_data": false', '"more_data": "perhaps"')
    (stage.folder / "misfits.jsonl").write_text(good + good + bad)


CASES = {
    "no database": Case(
        "import --format sqlite text.db",
        65,
        r"text\.db is not a night database: it has no SQLite",
        no_database,
    ),
    "no recording": Case(
        "import text.db", 65, r"text\.db does not look like a recording", no_database
    ),
    "no file": Case("import nowhere.db", 66, r"nowhere\.db does not exist"),
    "truncated": Case(
        "import half.db", 65, r"half\.db can't be read beyond its first \d+ events: ", truncated
    ),
    "table missing": Case(
        "import bare.db", 65, r"bare\.db is not a night database: it has event", without_a_table
    ),
    "unknown topic": Case(
        "publish observatry x=1", 2, r"There is no topic 'observatry'; did you mean 'observatory'"
    ),
    "unknown topic to see": Case(
        "tail observatry", 2, r"There is no topic 'observatry'; did you mean"
    ),
    "record that does not fit": Case(
        "publish observatory --event TcsEvent --file misfits.jsonl",
        65,
        r"misfits\.jsonl:3: .*more_data.*'perhaps' is not true or false; nothing was published",
        misfits,
    ),
    "empty window": Case(
        "replay --night 1999-12-31",
        66,
        r"Nothing on the log lies in the night 1999-12-31; the log has",
    ),
    "empty window by time": Case(
        "replay --from 1999-01-01 --until 1999-01-02",
        66,
        r"Nothing on the log lies in the time from 1999-01-01T00:00:00.000000Z until 1999",
    ),
    "nothing to export": Case(
        "export 1999-12-31 --to x.db", 66, r"Nothing on the log lies in the night 1999-12-31"
    ),
    "nothing to verify": Case(
        "verify 1999-12-31", 66, r"Nothing on the log lies in the night 1999-12-31"
    ),
    "end before start": Case(
        "replay --from 2019-01-02 --until 2019-01-01",
        2,
        r"The window ends \(2019-01-01T.*\) before it begins",
    ),
    "offsets end before start": Case(
        "replay --from-offset 9 --until-offset 3",
        2,
        r"The window ends \(offset 3\) before it begins",
    ),
    "speed 0": Case("replay --all --speed 0", 2, "The speed is 0, and has to be a factor above 0"),
    "speed negative": Case("replay --all --speed=-2", 2, "The speed is -2, and has to be"),
    "speed NaN": Case("replay --all --speed nan", 2, "The speed is nan, and has to be"),
    "too many of the last": Case(
        "tail observatory -n 9999999999", 2, r"The last 9,999,999,999 records are more"
    ),
    "no night": Case("export 2019-13-01 --to x.db", 2, r"'2019-13-01' is not a night"),
    "no time to ask about": Case(
        "why 2019-03-07T99", 2, r"'2019-03-07T99' is not an instant such as 2026-11-20T"
    ),
    "a time without a date": Case("why 03:10", 2, r"'03:10' is not an instant such as"),
    "a shot of a date": Case(
        "why 2019-03-07_A", 66, r"observatory has no decision about 2019-03-07_A: give a shot"
    ),
    "unknown view": Case(
        "rebuild tcs_lastest", 2, r"There is no view 'tcs_lastest'; did you mean 'tcs_latest'"
    ),
    "unknown service": Case("run projectors", 2, r"There is nothing to run named 'projectors'"),
    "unknown beside a known": Case("run clock nix", 2, r"There is nothing to run named 'nix'"),
    "file that is there": Case(
        "export all --to half.db", 73, r"half\.db already exists", truncated
    ),
    "unknown format": Case("export all --to x.db --format fits", 2, r"There is no format 'fits'"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Stage]:
    """A site with HETDEX's shots on the log and in the tables, which no test of a case changes."""
    with on_stage(tmp_path_factory.mktemp("bad") / "site") as stage:
        stage.done("import", shared_data / "hetdex" / "shots_2017_2019.txt")
        stage.done("run", "projections", "--once")
        yield stage


def logged(stage: Stage) -> dict[str, int]:
    """Return how many records each topic has."""
    cluster = stage.cluster
    found = {}
    for name in topics.existing(cluster):
        spans = reading.whole(cluster, [(name, 0)])
        found[name] = sum(end - low for low, end in spans.values())
    return found


@pytest.mark.parametrize("case", CASES)
def test_what_can_not_be_done_is_refused_in_a_sentence_and_nothing_changes(
    site: Stage, case: str
) -> None:
    line, code, sentence, make = CASES[case]
    make(site)
    before, digests = logged(site), site.digests()
    result = site.evctl(*line.split())
    assert (result.code, result.out) == (code, "")
    assert re.match(f"evctl: (\\S*/)?{sentence}", result.sentence), result.err
    assert result.err.count("\n") == 1
    assert logged(site) == before
    assert site.digests() == digests


@pytest.mark.parametrize("words", [("run", "projections", "--once"), ("rebuild", "tcs_latest")])
def test_tables_that_are_no_database_are_left_alone(site: Stage, words: tuple[str, ...]) -> None:
    path = site.folder / "tables.txt"
    path.write_text("no database\n" * 100)
    other = site.also("nodatabase", database={"url": f"sqlite:///{path}"})
    result = other.evctl(*words)
    assert (result.code, result.out) == (77, "")
    assert re.match(
        r"evctl: The database sqlite:\S+ refuses: file is not a database; ", result.sentence
    )
    assert path.read_text() == "no database\n" * 100


def test_a_data_directory_has_one_owner(site: Stage) -> None:
    data_dir = site.settings.log.data_dir
    assert site.broker is not None
    second = subprocess.run(
        [sys.executable, "-m", "infra.broker", f"--data-dir={data_dir}"],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    owner = re.escape(f"The data directory {data_dir} is owned by process {site.broker.pid}: ")
    assert second.returncode == 4
    assert re.search(owner, second.stderr)
    assert "Traceback" not in second.stderr
    assert site.done("broker", "start").startswith("runs already: ")
    assert logged(site)["observatory"] == SHOTS


def test_a_port_in_use_is_named_and_left_to_its_user(tmp_path: Path) -> None:
    port = free_port()
    stage = Stage(tmp_path, broker={"port": port})
    with socket.create_server(("127.0.0.1", port)):
        for words in (("broker", "start"), ("topic", "list")):
            result = stage.evctl(*words)
            assert (result.code, result.out) == (73, "")
            assert re.match(rf"evctl: Port {port} on 127\.0\.0\.1 is in use by ", result.sentence)
    assert stage.done("broker", "start").startswith("started: ")
    stage.close()


@pytest.mark.parametrize(
    ("properties", "code", "sentence"),
    [
        ("", 5, r"meta\.properties is empty or broken: "),
        ("format.version=one\ncluster.id=x\n", 5, r"meta\.properties is empty or broken: "),
        ("format.version=9999\ncluster.id=x\n", 78, r"has format version 9999, this program knows"),
    ],
    ids=["empty", "no number", "newer"],
)
def test_a_data_directory_of_no_known_format_is_left_alone(
    tmp_path: Path, properties: str, code: int, sentence: str
) -> None:
    stage = Stage(tmp_path)
    (tmp_path / "log").mkdir(mode=0o700)
    path = tmp_path / "log" / "meta.properties"
    path.write_text(properties)
    result = stage.evctl("broker", "start")
    assert (result.code, result.out) == (code, "")
    assert re.search(sentence, result.sentence)
    assert re.search(sentence, (tmp_path / "log" / "broker.log").read_text())
    assert path.read_text() == properties
    stage.close()


def test_with_too_little_free_space_records_are_refused_and_readers_served(
    tmp_path: Path, shared_data: Path
) -> None:
    recording = shared_data / "hetdex" / "shots_2017_2019.txt"
    stage = Stage(tmp_path)
    stage.done("broker", "start")
    stage.done("import", recording)
    stage.done("broker", "stop")

    total = shutil.disk_usage(tmp_path).total
    full = stage.also("full", log=IMPATIENT, broker={"free_space_floor": 2 * total})
    full.done("broker", "start")
    words = ("publish", "observatory", "--event", "TcsEvent", "system=a", "source=b", "key=c")
    result = full.evctl(*words, "more_data=false")
    assert (result.code, result.out) == (74, "")
    assert re.match(
        r"evctl: 1 record for observatory was not acknowledged: only \d+ MB are free at \S+, the "
        r"floor is \d+ MB: producers are refused until space is made; readers are served\.",
        result.sentence,
    )
    night = tmp_path / "night.db"
    full.done("export", "all", "--to", night)
    assert logged(full)["observatory"] == SHOTS
    assert full.done("import", night).startswith(f"{night}: 0 events added")
    full.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs small-disk: only root on Linux can mount a tmpfs of 6 MB")
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs small-disk: mounting a tmpfs is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_up_loses_nothing(
    small_disk: Path, tmp_path: Path, shared_data: Path
) -> None:
    recording = shared_data / "efd" / "rubin_summit_2023.jsonl.gz"
    log = {"data_dir": str(small_disk / "log")}
    tables = {"url": f"sqlite:///{small_disk / 'tables.sqlite'}"}
    with on_stage(
        tmp_path / "site", log=log, database=tables, broker={"free_space_floor": 0}
    ) as stage:
        stage.done("import", shared_data / "hetdex" / "shots_2017_2019.txt")
        fill = small_disk / "fill"
        fill.write_bytes(bytes(shutil.disk_usage(small_disk).free - 500_000))
        result = stage.also("impatient", log={**log, **IMPATIENT}).evctl("import", recording)
        assert (result.code, result.out) == (74, "")
        assert re.match(
            r"evctl: \d+ records for \S+ were not acknowledged: only 0 MB are", result.sentence
        )
        assert "import it again: nothing is added twice." in result.sentence
        fill.unlink()
        stage.done("import", recording)
        assert logged(stage)["observatory"] == SHOTS + 11_394

        fill.write_bytes(bytes(shutil.disk_usage(small_disk).free - 300_000))
        result = stage.evctl("run", "projections", "--once")
        assert (result.code, result.out) == (74, "")
        assert re.match(r"evctl: The database sqlite:\S+ is full: .* make room", result.sentence)
        night = small_disk / "night.db"
        result = stage.evctl("export", "all", "--to", night)
        assert (result.code, result.out) == (74, "")
        assert re.match(r"evctl: \S+night\.db was not written: ", result.sentence)
        assert list(small_disk.glob("night*")) == []
