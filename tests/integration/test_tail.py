"""`evctl tail` shows exactly the records asked for, for people and for programs."""

import fcntl
import json
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import fastavro
import pytest
from typer.testing import CliRunner, Result

from infra.broker import control
from infra.cli import app
from infra.kafka.node import free_port
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.settings import load
from infra.tailing.people import said
from schemas import framing
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY
from tests.terminals import whole

EVCTL = Path(sys.executable).with_name("evctl")
T0 = 1_795_144_455_123_456  # 2026-11-20T03:14:15.123456Z
SECOND = 1_000_000
_NAMES = (f"test{number}." for number in count())


def event(number: int, time: int | None = None, **values: Any) -> TcsEvent:
    """Return an event one second after the one before, unless its time is given."""
    at = T0 + number * SECOND if time is None else time
    key = "even" if number % 2 == 0 else "odd"
    return TcsEvent(at, at + 5, "pas", "Guider1", key, False, {"n": number, **values}, {})


class Site:
    """A namespace of its own on a log, and commands that use it."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self.folder, self.namespace = folder, namespace
        self.words = ["--site-file", str(folder / "evctl-site.yaml"), "--namespace", namespace]

    @property
    def cluster(self) -> Cluster:
        return connect(load(self.folder / "evctl-site.yaml").settings).in_namespace(self.namespace)

    def publish(self, *events: Any) -> None:
        publisher = Publisher(self.cluster, Registry(self.cluster), OBSERVATORY, "test")
        for one in events:
            publisher.publish(one)
        publisher.flush()

    def produce(self, *values: bytes, topic: str = "observatory") -> None:
        """Append values that no producer of ours would write."""
        producer = self.cluster.producer()
        for value in values:
            producer.produce(self.namespace + topic, value, "foreign", partition=0)
        producer.flush()

    def evctl(self, *words: str) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(app, [*self.words, *words], prog_name="evctl")

    def tail(self, *words: str) -> list[str]:
        result = self.evctl("tail", *words)
        assert result.exit_code == 0, result.stderr
        return result.stdout.splitlines()

    def numbers(self, *words: str) -> list[int]:
        """Return the numbers of the events shown."""
        shown = [json.loads(line) for line in self.tail("observatory", "--json", *words)]
        return [record["data"]["values"]["n"] for record in shown]

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command as people do."""
        pipe = subprocess.PIPE
        return subprocess.Popen([EVCTL, *self.words, *words], stdout=pipe, stderr=pipe, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    control.start(folder / "log")
    yield folder
    control.stop(folder / "log")


@pytest.fixture
def site(folder: Path) -> Site:
    return Site(folder, next(_NAMES))


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([], range(15, 25)),
        (["-n", "3"], range(22, 25)),
        (["-n", "0"], []),
        (["-n", "100"], range(25)),
        (["--from-start"], range(25)),
        (["--from-start", "-n", "4"], range(4)),
        (["--from-offset", "20"], range(20, 25)),
        (["--from-offset", "20", "-n", "2"], [20, 21]),
        (["--from-end"], []),
        (["--key", "pas.Guider1.odd"], range(5, 25, 2)),
        (["--key", "pas.Guider1.odd", "-n", "2"], [21, 23]),
        (["--key", "pas.Guider1.ODD"], []),
        (["--event", "TcsEvent", "-n", "1"], [24]),
        (["--event", "TimePassed"], []),
        (["--from", "2026-11-20T03:14:35.123456Z"], range(20, 25)),
        (["--from", "2026-11-20 03:14:35.123457", "-n", "2"], [21, 22]),
        (["--from", "2026-11-20T04:14:35.123456+01:00", "--key", "pas.Guider1.even"], [20, 22, 24]),
        (["--from", "2027-01-01"], []),
        (["--from", "1900-01-01", "-n", "2"], [0, 1]),
        (["--partition", "0", "-n", "1"], [24]),
    ],
)
def test_what_is_asked_for_is_shown(site: Site, words: list[str], numbers: Sequence[int]) -> None:
    site.publish(*map(event, range(25)))
    assert site.numbers(*words) == list(numbers)


def test_times_are_exact_where_nights_interleave(site: Site) -> None:
    """An old night imported late: what it holds is found by event time, not by place."""
    order = [100, 3, 101, 1, 50, 2, 102, 0]
    site.publish(*map(event, order))
    assert site.numbers("--from", "2026-11-20T03:15:05.123456Z") == [100, 101, 50, 102]
    assert site.numbers("--from", "2026-11-20T03:14:16.123457Z") == [100, 3, 101, 50, 2, 102]


def test_the_last_of_several_partitions_are_the_newest(site: Site, tmp_path: Path) -> None:
    (tmp_path / "sky.avsc").write_text(
        '{"type": "record", "name": "sky", "fields": [{"name": "id", "type": "string"}]}'
    )
    for number in range(12):
        word = f"id={number}"
        publish = ["publish", "alerts", "--schema", str(tmp_path / "sky.avsc"), "--key", "id"]
        assert site.evctl(*publish, word).exit_code == 0
    found = [json.loads(line) for line in site.tail("alerts", "--json", "-n", "5")]
    assert [record["data"]["id"] for record in found] == ["7", "8", "9", "10", "11"]
    assert len({record["partition"] for record in found}) > 1
    one = site.tail("alerts", "--json", "--partition", "2", "--from-start")
    assert {json.loads(line)["partition"] for line in one} == {2}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["observtory"], 2, "did you mean 'observatory'?"),
        (["replay.control"], 66, "does not exist on the log at"),
        (["_schemas"], 2, "`evctl schema list` shows what is on _schemas"),
        (["observatory", "--from", "yesterday"], 2, "'yesterday' is not an instant such as"),
        (["observatory", "--from", "2026-11-20", "--from-end"], 2, "give one of --from-offset"),
        (["observatory", "--event", "TcsEvnt"], 2, "did you mean 'TcsEvent'?"),
        (["observatory", "--partition", "1"], 2, "has no partition 1: it has 1, numbered from 0."),
        (["alerts", "--from-offset", "0"], 2, "say which is meant with --partition"),
        (
            ["observatory", "--from-offset", "9"],
            2,
            "observatory[0] has no offset 9: it holds offsets 0 to 1; the next record gets 2",
        ),
        (["observatory", "--from-offset", "2"], 2, "has no offset 2: it holds offsets 0 to 1"),
    ],
)
def test_what_can_not_be_shown(site: Site, words: list[str], code: int, sentence: str) -> None:
    site.publish(event(0), event(1))
    schema = {"type": "record", "name": "a", "fields": []}
    (site.folder / "a.avsc").write_text(json.dumps(schema), encoding="utf-8")
    site.evctl("publish", "alerts", "--schema", str(site.folder / "a.avsc"), "{}")
    result = site.evctl("tail", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


ODD: dict[str, Any] = {
    "": None,
    "a b": True,
    "🔭": "🔭 \x1b[31m\n",
    "list": [1, 2.0, None, "x", False],
}
LATEST = 253_402_300_799_999_999  # µs: the last instant of the year 9999
HARD = [
    event(0, ra=10.5, n=-(2**63), big=2**63 - 1, whole=1.0),
    event(1, None, **ODD),
    event(2, nan=math.nan, inf=[math.inf, -math.inf], tiny=5e-324, none=[]),
    event(3, time=-1),
    TcsEvent(LATEST, 0, "a ", "A", "🔭", True, {}, {"ra": "10.50"}),
]


def test_json_goes_back_in_as_it_came_out(site: Site) -> None:
    site.publish(*HARD)
    first = site.evctl("tail", "observatory", "--from-start", "--json").stdout
    (site.folder / "out.jsonl").write_text(first, encoding="utf-8")
    other = Site(site.folder, next(_NAMES))
    result = other.evctl("publish", "observatory", "--file", str(site.folder / "out.jsonl"))
    assert result.exit_code == 0, result.stderr
    second = other.evctl("tail", "observatory", "--from-start", "--json").stdout
    events = [[json.loads(line)["data"] for line in text.splitlines()] for text in (first, second)]
    assert repr(events[0]) == repr(events[1]), "repr: NaN is not itself"
    assert [repr(data["values"]) for data in events[0]] == [repr(dict(e.values)) for e in HARD]
    assert events[0][4]["data_time"] == "9999-12-31T23:59:59.999999Z"
    assert [json.loads(line)["id"] for line in first.splitlines()] != [
        json.loads(line)["id"] for line in second.splitlines()
    ]


def test_an_envelope_says_all_that_is_known(site: Site) -> None:
    site.publish(event(3))
    (line,) = site.tail("observatory", "--json")
    shown = json.loads(line)
    assert re.fullmatch(r"[0-9a-f-]{36}", shown.pop("id"))
    assert shown == {
        "topic": "observatory",
        "partition": 0,
        "offset": 0,
        "event": "TcsEvent",
        "source": "test",
        "seq": 0,
        "key": "pas.Guider1.odd",
        "time": "2026-11-20T03:14:18.123456Z",
        "data": {
            "data_time": "2026-11-20T03:14:18.123456Z",
            "wire_time": "2026-11-20T03:14:18.123461Z",
            "system": "pas",
            "source": "Guider1",
            "key": "odd",
            "more_data": False,
            "values": {"n": 3},
            "original_text": {},
        },
    }


def test_real_alerts_go_through_json_and_back(site: Site, shared_data: Path) -> None:
    file = shared_data / "alerts" / "fink_ztf_11alerts.avro"
    with file.open("rb") as stream:
        reader: Any = fastavro.reader(stream)
        expected = {alert["candid"]: alert for alert in reader}
        text = reader.metadata["avro.schema"]
    (site.folder / "fink.avsc").write_text(text, encoding="utf-8")
    assert site.evctl("publish", "alerts", "--file", str(file)).exit_code == 0
    out = site.evctl("tail", "alerts", "--from-start", "--json").stdout
    (site.folder / "fink.jsonl").write_text(out, encoding="utf-8")
    again = Site(site.folder, next(_NAMES))
    words = ["--file", str(site.folder / "fink.jsonl"), "--schema", str(site.folder / "fink.avsc")]
    result = again.evctl("publish", "alerts", *words)
    assert result.exit_code == 0, result.stderr
    lines = again.tail("alerts", "--from-start", "--json")
    assert len(lines) == len(expected) == 11
    was = {data["candid"]: data for data in (json.loads(line)["data"] for line in out.splitlines())}
    for line in lines:
        data = json.loads(line)["data"]
        assert repr(data) == repr(was.pop(data["candid"]))
    assert was == {}


def test_people_see_one_line_a_record(site: Site) -> None:
    wide = event(1, array=[1.0, 2, 3, 4, 5], text="a b", deep="\x1b[31mred", none=None, pi=math.pi)
    site.publish(wide)
    (line,) = site.tail("observatory")
    assert line == (
        f"2026-11-20 03:14:16.123456Z  {site.namespace}observatory[0]@0  TcsEvent  "
        'pas.Guider1.odd  n=1  array=[1, 2, 3, 4, … 1 more]  text="a b"  deep="\\u001b[31mred"  '
        "none=null  pi=3.14159265359  wire_time=2026-11-20T03:14:16.123461Z  more_data=false"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (2458760.98765, "2458760.98765"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        ("", '""'),
        ("\u202egnp", '"\\u202egnp"'),
        (b"\0" * 1234, "<1,234 bytes>"),
        ({"a": 1, "b": 2}, "{2 fields}"),
        ([], "[]"),
        ([None, {"a": 1}], "[null, {1 fields}]"),
    ],
)
def test_values_are_short_and_harmless(value: Any, text: str) -> None:
    assert said(value) == text


def test_a_terminal_gets_colours_and_whole_lines(site: Site) -> None:
    site.publish(event(0, long="x" * 500))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR"}}
    environment["TERM"] = "xterm"
    command = [str(EVCTL), *site.words, "tail", "observatory"]
    assert subprocess.run(command, stdout=theirs, env=environment, check=False).returncode == 0
    os.close(theirs)
    line = whole(ours)
    os.close(ours)
    assert "\x1b[" in line
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\r\n")
    assert plain.endswith("…")
    assert len(plain) == 90


def test_a_record_that_does_not_decode_is_told_and_the_rest_is_shown(site: Site) -> None:
    site.publish(event(0))
    number = Registry(site.cluster).register_event(TcsEvent)
    site.produce(b"garbage", framing.prefix(1) + b"x", framing.prefix(number) + b"x")
    site.publish(event(1))
    result = site.evctl("tail", "observatory")
    assert result.exit_code == 65
    shown = result.stdout.splitlines()
    assert [line.split("  ")[2] for line in (shown[0], shown[4])] == ["TcsEvent", "TcsEvent"]
    reasons = [line.split("unreadable: ")[1] for line in shown[1:4]]
    assert reasons[0].startswith("The value begins with 67 61 72 62 61, not with 00")
    assert "was written with schema 1, which is not on _schemas" in reasons[1]
    assert reasons[2].startswith("The bytes are not Avro of evctl.TcsEvent")
    assert result.stderr == (
        f"evctl: 3 records of {site.namespace}observatory can't be read: see the reasons beside "
        "their positions.\n"
    )
    as_json = site.evctl("tail", "observatory", "--json", "--key", "foreign")
    assert as_json.exit_code == 65
    assert [json.loads(line)["offset"] for line in as_json.stdout.splitlines()] == [1, 2, 3]
    assert all("error" in json.loads(line) for line in as_json.stdout.splitlines())
    assert site.numbers("--key", "pas.Guider1.odd") == [1], "by its key alone it is passed over"


def test_a_reader_that_has_enough_is_no_fault(site: Site) -> None:
    site.publish(*map(event, range(2000)))
    with site.start("tail", "observatory", "--from-start") as run:
        assert run.stdout
        assert run.stderr
        assert "n=0" in run.stdout.readline()
        run.stdout.close()
        assert run.wait(timeout=60) == 141
        assert run.stderr.read() == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_following_shows_what_comes(site: Site, number: signal.Signals, code: int) -> None:
    site.publish(event(0), event(1))
    with site.start("tail", "observatory", "-f", "-n", "1", "--key", "pas.Guider1.odd") as run:
        assert run.stdout
        assert run.stderr
        assert "n=1 " in run.stdout.readline()
        for other in (3, 5):
            site.publish(event(other - 1), event(other))
            assert f"n={other} " in run.stdout.readline()
        run.send_signal(number)
        assert run.wait(timeout=60) == code
        assert run.stderr.read() == ""


def test_following_from_where_nothing_is_yet(site: Site) -> None:
    site.publish(event(0))
    with site.start("tail", "observatory", "-f", "--from-offset", "1", "-n", "2") as run:
        assert run.stdout
        site.publish(event(1), event(2), event(3))
        assert [line.split("n=")[1][0] for line in run.stdout] == ["1", "2"]
        assert run.wait(timeout=60) == 0, "it has shown as many as it was asked for"


def test_following_goes_on_when_the_log_comes_back(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    data_dir = tmp_path / "log"
    control.start(data_dir, port=port)
    site = Site(tmp_path, "")
    try:
        site.publish(event(0))
        with site.start("tail", "observatory", "-f") as run:
            assert run.stdout
            assert "n=0 " in run.stdout.readline()
            control.stop(data_dir)
            control.start(data_dir, port=port)
            site.publish(event(1))
            assert "n=1 " in run.stdout.readline()
            run.send_signal(signal.SIGINT)
            assert run.wait(timeout=60) == 130
    finally:
        control.stop(data_dir)


@pytest.mark.slow
def test_following_ends_when_the_log_stays_away(tmp_path: Path) -> None:
    (tmp_path / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    data_dir = tmp_path / "log"
    control.start(data_dir)
    site = Site(tmp_path, "")
    site.publish(event(0))
    with site.start("tail", "observatory", "-f", "-l", str(tmp_path / "tail.log")) as run:
        assert run.stdout
        assert run.stderr
        assert "n=0 " in run.stdout.readline()
        control.stop(data_dir)
        assert run.wait(timeout=90) == 69
        sentence = run.stderr.read()
    assert re.fullmatch(r"evctl: The log at \S+ does not answer: .*\n", sentence)
    said = (tmp_path / "tail.log").read_text(encoding="utf-8")
    assert re.search("Connection refused|brokers are down", said), said


def test_topics_and_schemas_are_listed(site: Site) -> None:
    site.publish(event(0), event(1))
    listed = site.evctl("topic", "list")
    assert listed.exit_code == 0
    rows = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert re.search(r"TcsEvent, TimePassed.* 1 +for ever +4 MiB +2 ", rows["observatory"])
    assert re.search(r"foreign schemas +4 +for ever +16 MiB +not on the log ", rows["alerts"])
    shown = site.evctl("topic", "show", "observatory").stdout
    assert f"{site.namespace}observatory[0]:  offsets 0 to 1" in shown
    assert "not yet: it is made" in site.evctl("topic", "show", "alerts").stdout
    assert site.evctl("topic", "show", "nothing").exit_code == 2
    schemas = site.evctl("schema", "list").stdout
    found = re.search(r"(\d+) +1  published, on the log +evctl.TcsEvent", schemas)
    assert found
    assert re.search(r"\d +1  published +evctl\.ReplayStarted", schemas)
    for wanted in ("TcsEvent", "evctl.TcsEvent", found[1]):
        schema = json.loads(site.evctl("schema", "show", wanted).stdout)
        assert (schema["name"], schema["fields"][0]["unit"]) == ("TcsEvent", "us")
    missing = site.evctl("schema", "show", "900")
    assert missing.exit_code == 2
    assert "There is no schema '900'" in missing.stderr
    assert f"{site.namespace}alerts" not in topics.existing(site.cluster), "looking makes nothing"
