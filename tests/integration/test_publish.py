"""`evctl publish` puts all of its input on the log, or says what is wrong and puts none there."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import fastavro
import pytest
from typer.testing import CliRunner, Result

from infra.broker import control
from infra.cli import app
from infra.log import reading, topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.settings import load
from schemas.framing import HEADER_SIZE, prefix, schema_id_of
from schemas.record import AnyRecord, Position
from tests.waiting import until

EVCTL = Path(sys.executable).with_name("evctl")
TCS = {
    "data_time": "2026-11-20T03:14:15.123456Z",
    "wire_time": 1795144455200000,
    "system": "pas",
    "source": "Guider1",
    "key": "seeing",
    "more_data": False,
    "values": {"fwhm": 1.2},
    "original_text": {},
}
SKY: dict[str, Any] = {
    "type": "record",
    "name": "sky.alert",
    "fields": [{"name": "id", "type": "long"}, {"name": "stamp", "type": "bytes"}],
}
PUBLISH = ("publish", "observatory", "--event", "TcsEvent")
_NAMES = (f"test{number}." for number in count())


class Site:
    """A namespace of its own on a log, and commands that use it."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self.folder, self.namespace = folder, namespace
        self.words = ["--site-file", str(folder / "evctl-site.yaml"), "--namespace", namespace]

    def evctl(self, *words: str) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(app, [*self.words, *words], prog_name="evctl")

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command as people do; its three streams are pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen([EVCTL, *self.words, *words], stdin=pipe, stdout=pipe, stderr=pipe)

    @property
    def cluster(self) -> Cluster:
        return connect(load(self.folder / "evctl-site.yaml").settings).in_namespace(self.namespace)

    def messages(self, topic: str) -> list[Message]:
        """Return what is on a topic; nothing where there is none."""
        cluster, name = self.cluster, self.namespace + topic
        if name not in topics.existing(cluster):
            return []
        partitions = topics.describe(cluster, [name])[name].partitions
        spans = reading.whole(cluster, [(name, number) for number in range(partitions)])
        asked = {place: [span] for place, span in spans.items()}
        return [message for batch in reading.messages(cluster, asked) for message in batch]

    def records(self, topic: str) -> list[AnyRecord]:
        decoder = Decoder(Registry(self.cluster))
        return [decoder.record(message) for message in self.messages(topic)]


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


def feed(run: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Write to a command's standard input, and wait until it has read it."""
    assert run.stdin
    run.stdin.write(data)
    run.stdin.flush()
    pipe = run.stdin.fileno()
    until(lambda: not any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))))


def said(run: "subprocess.Popen[bytes]") -> str:
    assert run.stderr
    return run.stderr.read().decode()


def lines(file: Path, values: Sequence[Any]) -> str:
    file.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return str(file)


def numbered(number: int) -> dict[str, Any]:
    return {**TCS, "values": {"n": number}}


def test_records_of_every_form_arrive(site: Site, tmp_path: Path) -> None:
    envelope = {"event": "TcsEvent", "data": TCS, "id": "its own is made anew"}
    for words in (
        ["system=pas", "source=Guider1", "key=seeing", "more_data=false", "values.fwhm=1.2"],
        [json.dumps(TCS), json.dumps(envelope)],
        ["-f", lines(tmp_path / "night.jsonl", [TCS, envelope]), "--rate", "1000"],
    ):
        result = site.evctl(*PUBLISH, *words)
        assert (result.exit_code, result.stdout) == (0, ""), result.stderr
        assert f" to {site.namespace}observatory in " in result.stderr
    with site.start(*PUBLISH) as piped:
        _, told = piped.communicate(json.dumps([TCS, TCS], indent=1).encode())
    assert told.startswith(b"published 2 records to ")
    found = site.records("observatory")
    assert len(found) == 7
    assert {record.event.values["fwhm"] for record in found} == {1.2}
    assert {record.key for record in found} == {"pas.Guider1.seeing"}
    assert {record.event.data_time for record in found[1:]} == {1795144455123456}


def test_a_second_run_makes_new_records(site: Site, tmp_path: Path) -> None:
    file = lines(tmp_path / "night.jsonl", [TCS, TCS])
    for _ in range(2):
        assert site.evctl(*PUBLISH, "-f", file).exit_code == 0
    found = site.records("observatory")
    assert len({record.id for record in found}) == 4
    assert [record.provenance.seq for record in found] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ('{"more_data": "no"}', "field system: is missing; it is text that is Unicode"),
        (json.dumps({**TCS, "values": {"a": {}}}), "field values.a: {} is not null or true or"),
        (json.dumps({**TCS, "wire_time": 1.5}), "field wire_time: 1.5 is not a whole number of 64"),
        ('{"system": }', "not JSON: Expecting value (column 12)"),
        ("7", "field (record): 7 is not an object with the fields of TcsEvent"),
        (json.dumps({"event": "Night", "data": {}}), "observatory takes TcsEvent"),
    ],
)
def test_one_bad_record_and_the_topic_stays_as_it_was(
    site: Site, tmp_path: Path, bad: str, sentence: str
) -> None:
    if '"more_data": "no"' in bad:
        bad = json.dumps({"data_time": 1, "wire_time": 1, "more_data": False})
    file = tmp_path / "night.jsonl"
    lines(file, [TCS] * 50)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"{bad}\n{json.dumps(TCS)}\n")
    assert site.evctl(*PUBLISH, "-f", str(file)).exit_code == 65
    assert site.messages("observatory") == [], "not even the topic was made"
    site.evctl(*PUBLISH, json.dumps(TCS))
    result = site.evctl(*PUBLISH, "-f", str(file))
    assert result.exit_code == 65
    assert result.stderr.startswith(f"evctl: {file}:51: {sentence}")
    assert result.stderr.endswith("; nothing was published.\n")
    assert len(site.messages("observatory")) == 1


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["observtory", "a=1"], 2, "There is no topic 'observtory'; did you mean 'observatory'?"),
        (["_schemas", "a=1"], 2, "_schemas is written by evctl itself"),
        (["observatory", "a=1"], 2, ": say which with --event NAME;"),
        (["observatory", "-e", "Tick", "a=1"], 65, "observatory takes TcsEvent"),
        (["observatory", "-e", "TimePassed", "night.json"], 2, "'night.json' is no FIELD=VALUE"),
        (["observatory", "-f", "none.json"], 66, "none.json can't be read: No such file"),
        (["observatory", "-f", "a", "b=1"], 2, "give DATA or --file, not both"),
        (["observatory", "--stream", "b=1"], 2, "--stream reads standard input"),
        (["observatory", "--rate", "0", "a=1"], 2, "--rate is 0, and must be above 0"),
        (["observatory", "--rate", "nan", "a=1"], 2, "--rate is nan, and must be above 0"),
        (["observatory", "--key", "a", "a=1"], 2, "leave --schema and --key away"),
        (["alerts", "-e", "TcsEvent", "a=1"], 2, "leave --event away"),
        (["alerts", '{"a":1}'], 65, "argument 1: JSON says nothing of types; give its schema"),
        (["alerts", "--schema", "none.avsc", "a=1"], 65, "none.avsc can't be used: No such file"),
    ],
)
def test_what_can_not_be_meant(site: Site, words: list[str], code: int, sentence: str) -> None:
    result = site.evctl("publish", *words)
    assert result.exit_code == code
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


def test_nothing_of_now_gets_into_a_replay(site: Site, tmp_path: Path) -> None:
    file = lines(tmp_path / "night.jsonl", [TCS])
    for words in ([*PUBLISH, "-f", file], ["import", file]):
        result = site.evctl("--namespace", "replay.x", *words)
        assert result.exit_code == 2
        assert "replay.x. is a replay's namespace, and what is" in result.stderr
    assert site.messages("observatory") == []


def test_keys_arrive_to_the_letter(site: Site, tmp_path: Path) -> None:
    keys = ["seeing", "Seeing", "seeing ", " seeing", "see\u0301ing", "séeing", "🔭", "a.b", ""]
    file = lines(tmp_path / "keys.jsonl", [{**TCS, "key": k, "values": {k: k}} for k in keys])
    assert site.evctl(*PUBLISH, "-f", file).exit_code == 0
    found = site.records("observatory")
    assert [record.event.key for record in found] == keys
    assert [record.event.values for record in found] == [{key: key} for key in keys]
    assert [record.key for record in found] == [f"pas.Guider1.{key}" for key in keys]


def test_the_largest_record_is_taken_and_one_byte_more_is_not(site: Site, tmp_path: Path) -> None:
    """Were the check's limit above the publisher's, a refusal could come half-way."""

    def publish(size: int) -> Result:
        big = {**TCS, "values": {"image": "x" * size}}
        file = lines(tmp_path / "big.jsonl", [TCS, big])
        return site.evctl(*PUBLISH, "-f", file)

    size = topics_limit = 4 * 1024 * 1024
    refused = publish(size)
    assert refused.exit_code == 65
    told = refused.stderr.split("The record has ")[1].split(" bytes, and ")
    over, limit = int(told[0].replace(",", "")), told[1].split("takes ")[1].split(":")[0]
    size -= over - int(limit.replace(",", ""))
    assert publish(size + 1).exit_code == 65
    assert site.messages("observatory") == []
    assert publish(size).exit_code == 0
    stored = site.messages("observatory")[1]
    assert topics_limit - 2000 < len(stored.value() or b"") < topics_limit


def alerts_in(file: Path) -> list[Any]:
    with file.open("rb") as stream:
        return list(fastavro.reader(stream))


def test_real_alerts_come_out_as_they_went_in(site: Site, shared_data: Path) -> None:
    files = sorted((shared_data / "alerts").glob("*.avro"))
    containers = [file for file in files if file.read_bytes()[:3] == b"Obj"]
    words = [word for file in containers for word in ("--file", str(file))]
    result = site.evctl("publish", "alerts", *words, "--key", "objectId")
    assert result.exit_code == 0, result.stderr
    expected = {alert["candid"]: alert for file in containers for alert in alerts_in(file)}
    packed = b"".join(file.read_bytes() for file in containers)
    registry = Registry(site.cluster)
    found = site.messages("alerts")
    assert len(found) == sum(len(alerts_in(file)) for file in containers)
    assert len({message.partition() for message in found}) > 1
    for message in found:
        value = message.value() or b""
        schema = registry.schema(schema_id_of(value), Position("alerts", 0, 0))
        body = value[HEADER_SIZE:]
        assert body in packed, "the bytes are those of the file"
        alert: Any = fastavro.schemaless_reader(
            io.BytesIO(body), fastavro.parse_schema(schema), None
        )
        assert repr(alert) == repr(expected.pop(alert["candid"])), "repr: NaN is not itself"
        assert message.key() == alert["objectId"].encode()
    assert expected == {}


def test_a_framed_alert_needs_the_schema_it_names(site: Site, shared_data: Path) -> None:
    file = shared_data / "alerts" / "lsst_confluent_framed_id900.avro"
    result = site.evctl("publish", "alerts", "--file", str(file))
    assert result.exit_code == 65
    assert result.stderr == (
        f"evctl: {file}: it was written with schema 900 of a registry (Confluent wire format), and "
        "that schema is not in the input; give its schema with --schema FILE.avsc; nothing was "
        "published.\n"
    )


def test_a_framed_alert_with_its_schema(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, SKY, {"id": 7, "stamp": b"\xff"})
    (tmp_path / "a.avro").write_bytes(prefix(900) + buffer.getvalue())
    (tmp_path / "sky.avsc").write_text(json.dumps(SKY), encoding="utf-8")
    words = ["publish", "alerts", "--schema", str(tmp_path / "sky.avsc"), "--key", "id"]
    assert site.evctl(*words, "--file", str(tmp_path / "a.avro")).exit_code == 0
    assert site.evctl(*words, '{"id": 8, "stamp": "/w=="}').exit_code == 0
    found = {record.key: record.event.fields for record in site.records("alerts")}
    assert found == {"7": {"id": 7, "stamp": b"\xff"}, "8": {"id": 8, "stamp": b"\xff"}}
    (tmp_path / "a.avro").write_bytes(prefix(900) + buffer.getvalue() + b"!")
    result = site.evctl(*words, "--file", str(tmp_path / "a.avro"))
    assert (result.exit_code, len(site.messages("alerts"))) == (65, 2)
    assert "The bytes are not Avro of sky.alert: 1 bytes are left over" in result.stderr


def test_our_own_container_goes_to_its_topic(
    site: Site, tmp_path: Path, project_root: Path
) -> None:
    schema = json.loads((project_root / "schemas/published/TcsEvent.v1.avsc").read_text("utf-8"))
    file = tmp_path / "night.avro"
    with file.open("wb") as stream:
        fastavro.writer(stream, schema, [{**TCS, "data_time": 5}, TCS | {"data_time": 6}])
    assert site.evctl("publish", "observatory", "--file", str(file)).exit_code == 0
    assert [record.time for record in site.records("observatory")] == [5, 6]
    refused = site.evctl("publish", "alerts", "--file", str(file))
    assert refused.exit_code == 65
    assert (
        "night.avro, record 1: alerts takes records in schemas that are not ours" in refused.stderr
    )


def test_the_rate_is_kept(site: Site, tmp_path: Path) -> None:
    file = lines(tmp_path / "night.jsonl", [TCS] * 31)
    start = monotonic()
    result = site.evctl(*PUBLISH, "-f", file, "--rate", "100")
    assert result.exit_code == 0
    assert monotonic() - start >= 0.3, "the 31st record is due 0.3 s after the first"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_batch_and_says_what_is_on_the_log(
    site: Site, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    file = lines(tmp_path / "night.jsonl", [numbered(n) for n in range(10_000)])
    with site.start(*PUBLISH, "-f", file, "--rate", "200") as run:
        until(lambda: len(site.messages("observatory")) >= 5)
        run.send_signal(number)
        _, said = run.communicate(timeout=60)
    kept = [record.event.values["n"] for record in site.records("observatory")]
    assert run.returncode == code
    assert kept == list(range(len(kept)))
    assert said.startswith(b"stopped: published %d of 10,000 records to " % len(kept))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_reading_leaves_the_log_alone(
    site: Site, number: signal.Signals, code: int
) -> None:
    with site.start(*PUBLISH) as run:
        feed(run, json.dumps(TCS).encode() + b"\n")
        run.send_signal(number)
        assert run.wait(timeout=60) == code
        assert said(run) == "evctl: stopped while reading: nothing was published\n"
    assert site.messages("observatory") == []


def test_a_live_feed_is_published_as_it_comes(site: Site) -> None:
    with site.start(*PUBLISH, "--stream") as run:
        for number in range(3):
            feed(run, json.dumps(numbered(number)).encode() + b"\n")
            until(lambda: len(site.messages("observatory")) == number + 1)  # noqa: B023 used at once
        feed(run, b'{"system": 1}\n')
        assert run.wait(timeout=60) == 65, "the end of the feed is not waited for"
        sentence = said(run)
    assert sentence.startswith("evctl: (standard input):4: field data_time: is missing")
    assert sentence.endswith("; 3 records before it went on the log.\n")
    assert len(site.messages("observatory")) == 3


def test_a_live_feed_ends_with_a_signal(site: Site) -> None:
    with site.start(*PUBLISH, "--stream") as run:
        feed(run, json.dumps(TCS).encode() + b'\n{"system": "half a li')
        until(lambda: len(site.messages("observatory")) == 1)
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=60) == 143
        assert said(run).startswith("stopped: published 1 record to ")


def under_way(folder: Path, file: str) -> "tuple[Site, subprocess.Popen[bytes]]":
    """Return one who publishes, and has begun to: on a busy machine the first may come too late."""
    while True:
        site = Site(folder, next(_NAMES))
        run = site.start(*PUBLISH, "-f", file, "--rate", "200")
        until(lambda: len(site.messages("observatory")) >= 5 or run.poll() is not None)  # noqa: B023
        if run.poll() is None:
            return site, run
        run.communicate()


def test_a_log_that_dies_on_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "evctl-site.yaml").write_text(
        "log: {data_dir: log, client: {message.timeout.ms: 1000}}", encoding="utf-8"
    )
    endpoint = control.start(tmp_path / "log")
    file = lines(tmp_path / "night.jsonl", [numbered(n) for n in range(10_000)])
    site, run = under_way(tmp_path, file)
    with run:
        os.kill(endpoint.pid, signal.SIGKILL)
        assert run.wait(timeout=60) == 74
        assert f" for {site.namespace}observatory were not acknowledged: " in said(run)
    control.start(tmp_path / "log")
    try:
        kept = [record.event.values["n"] for record in site.records("observatory")]
        assert kept == list(range(len(kept))), "what is there has no hole"
    finally:
        control.stop(tmp_path / "log")
