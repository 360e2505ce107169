"""`evctl replay` as people run it: options, the final line, how it ends, a log that goes away."""

import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from infra.broker import control
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.settings import Settings
from schemas.events.replays import ReplayControlled
from schemas.topics import OBSERVATORY, REPLAY_CONTROL
from tests.integration.replay_log import DAY, MIDNIGHT, carried, publish, read
from tests.terminals import whole
from tests.waiting import WAIT_S, until

EVCTL = Path(sys.executable).with_name("evctl")


class Site:
    """A site of its own: a log, and evctl run on it."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "log"
        self.file = directory / "site.yaml"
        self.file.write_text(f"log:\n  data_dir: {self.data_dir}\n", encoding="utf-8")
        settings = Settings.model_validate({"log": {"data_dir": str(self.data_dir)}})
        self.cluster = connect(settings)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [EVCTL, "--site-file", self.file, "replay", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def replay(self, *words: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error of a replay."""
        process = self.start(*words)
        out, err = process.communicate(timeout=WAIT_S)
        return process.returncode, out, err

    def target(self, replay: str) -> Cluster:
        return self.cluster.in_namespace(f"replay.{replay}.")

    def sent(self, replay: str) -> int:
        """Return how many records a replay has on the log by now."""
        target = self.target(replay)
        there = OBSERVATORY.full_name(target.namespace) in topics.existing(target)
        return len(read(target, OBSERVATORY)) if there else 0

    def kill_the_broker(self) -> int:
        """End the broker as a crash does; return its port."""
        endpoint = control.find(self.data_dir)
        assert endpoint is not None
        os.kill(endpoint.pid, signal.SIGKILL)
        until(lambda: control.find(self.data_dir) is None)
        return endpoint.port


def in_words(given: object) -> str:
    """Return what a case is called: its command line."""
    return " ".join(given) if isinstance(given, list) else ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with 200 events in the night 2026-11-21, 10 ms apart, and one a day later."""
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        publish(site.cluster, [*range(MIDNIGHT, MIDNIGHT + 2_000_000, 10_000), MIDNIGHT + DAY])
        yield site
    finally:
        control.stop(site.data_dir)


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[Site]:
    """A site for one test, whose broker may die: 3,000 events, 10 ms apart."""
    site = Site(tmp_path)
    try:
        publish(site.cluster, range(MIDNIGHT, MIDNIGHT + 30_000_000, 10_000))
        yield site
    finally:
        control.stop(site.data_dir)


def test_a_night_in_a_line(site: Site) -> None:
    code, out, err = site.replay("--night", "2026-11-21", "--speed", "max", "--id", "line")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"Replayed 200 records in \d+\.\d s at [\d,.]+x \(asked for max\), no deadlines, missed 0, "
        r"out of order 0; they are in replay\.line\.\n",
        out,
    )
    assert carried(read(site.target("line"), OBSERVATORY)) == carried(
        read(site.cluster, OBSERVATORY)[:200]
    )


def test_a_paced_night_as_json(site: Site) -> None:
    began = time.monotonic()
    code, out, err = site.replay("--night", "2026-11-21", "--speed", "2", "--json", "--id", "json")
    assert (code, err) == (0, "")
    assert time.monotonic() - began >= 1.99 / 2
    report = json.loads(out)
    assert (report["records"], report["complete"], report["out_of_order"]) == (200, True, 0)
    assert 0 <= report["lateness_p50"] <= report["lateness_p99"] <= report["lateness_max"]
    assert report["achieved_speed"] == pytest.approx(1.99 / report["duration"], rel=0.01)
    assert report["duration"] >= 1.99 / 2
    assert (report["namespace"], report["topics"]) == ("replay.json.", ["observatory"])


@pytest.mark.parametrize(
    ("window", "records"),
    [
        (["--all"], 201),
        (["--night", "2026-11-22", "--night", "2026-11-21"], 201),
        (["--from", "2026-11-21T00:00:01Z", "--until", "2026-11-21T01:00:01.5+01:00"], 50),
        (["--from", "2026-11-21T00:00:01.990"], 2),
        (["--until", "2026-11-21 00:00:00.03"], 3),
        (["--from-offset", "10", "--until-offset", "15"], 5),
        (["--from-offset", "199"], 2),
        (["--all", "--topics", "observatory"], 201),
    ],
    ids=in_words,
)
def test_each_kind_of_window(site: Site, window: list[str], records: int) -> None:
    code, out, err = site.replay(*window, "--speed", "max", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["records"] == records


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--all", "--speed", "0"], 2, "The speed is 0, and has to be a factor above 0"),
        (["--all", "--speed", "-1"], 2, "The speed is -1, and has to be"),
        (["--all", "--speed", "nan"], 2, "The speed is nan, and has to be"),
        (["--all", "--speed", "fast"], 2, "The speed is 'fast', and has to be"),
        ([], 2, "No window is given, and a replay takes one kind: a FILE, --night"),
        (["--all", "--night", "2026-11-21"], 2, "2 kinds of window are given"),
        (["--night", "yesterday"], 2, "'yesterday' is not a night"),
        (["--from", "noon"], 2, "'noon' is not an instant"),
        (
            ["--from", "2026-11-21T02:00", "--until", "2026-11-21T01:00"],
            2,
            "The window ends (2026-11-21T01:00:00.000000Z) before it begins",
        ),
        (["--from-offset", "9", "--until-offset", "3"], 2, "The window ends (offset 3) before"),
        (["--all", "--topics", "observatry"], 2, "There is no topic 'observatry'; did you mean"),
        (["--all", "--id", "a.b"], 2, "'a.b' can't name a replay"),
        (
            ["--night", "2020-01-01"],
            66,
            "Nothing on the log lies in the night 2020-01-01; the log has the nights 2026-11-21",
        ),
        (
            ["--from-offset", "900"],
            66,
            "Nothing on the log lies in offsets 900 to the end of observatory; the log has offsets",
        ),
        (["--all", "--topics", "alerts"], 66, "Nothing on the log lies in the whole log, only"),
    ],
    ids=in_words,
)
def test_what_can_not_be_played_is_refused_in_a_sentence(
    site: Site, words: Sequence[str], code: int, sentence: str
) -> None:
    found, out, err = site.replay(*words)
    assert (found, out) == (code, "")
    assert err.startswith(f"evctl: {sentence}")
    assert err.count("\n") == 1


def test_an_id_is_used_once(site: Site) -> None:
    words = ("--from-offset", "0", "--until-offset", "1", "--speed", "max", "--id", "once")
    assert site.replay(*words)[0] == 0
    code, _, err = site.replay(*words)
    assert code == 73
    assert err.startswith("evctl: The replay id once is in use: the topic replay.once.")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_replay_that_is_stopped_says_so_and_has_sent_whole_records(
    site: Site, number: signal.Signals, code: int
) -> None:
    replay = f"stopped{code}"
    process = site.start("--night", "2026-11-21", "--speed", "0.1", "--id", replay)
    until(lambda: site.sent(replay) > 5)
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (code, "")
    count = re.match(r"Stopped: replayed (\d+) records .* The window is incomplete\.\n", out)
    assert count is not None
    played = read(site.target(replay), OBSERVATORY)
    assert len(played) == int(count[1])
    assert carried(played) == carried(read(site.cluster, OBSERVATORY)[: len(played)])


def test_a_gap_in_the_night_does_not_delay_the_end(site: Site) -> None:
    process = site.start("--all", "--speed", "1", "--id", "gap")
    until(lambda: site.sent("gap") == 200)  # the next is due in a day
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert time.monotonic() - began < 30  # and not a day


def test_a_terminal_gets_a_live_line_and_pipes_get_none(site: Site) -> None:
    controller, terminal = os.openpty()
    words = ["--site-file", str(site.file), "replay", "--night", "2026-11-21", "--id", "shown"]
    process = subprocess.Popen([EVCTL, *words], stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    shown = whole(controller)
    os.close(controller)
    assert process.wait(timeout=WAIT_S) == 0
    assert re.search(r"2026-11-21T00:00:01\.\d{3}  [\d.]+x  \d+ records", shown)


@pytest.mark.slow
@pytest.mark.parametrize("speed", ["1", "0.01"])
def test_a_log_that_dies_ends_the_replay_with_a_sentence(frail: Site, speed: str) -> None:
    process = frail.start("--all", "--speed", speed, "--id", "dies")
    until(lambda: frail.sent("dies") > 2)
    frail.kill_the_broker()
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 69
    assert out == ""
    assert err.splitlines()[-1].startswith(
        f"evctl: The log at {frail.cluster.servers} does not ans"
    )
    assert "Traceback" not in err


def test_a_log_that_comes_back_gets_every_record_once(frail: Site) -> None:
    process = frail.start("--all", "--speed", "10", "--id", "back")
    until(lambda: frail.sent("back") > 100)
    port = frail.kill_the_broker()
    control.start(frail.data_dir, port=port)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    played = read(frail.target("back"), OBSERVATORY)
    assert carried(played) == carried(read(frail.cluster, OBSERVATORY))


class Terminal:
    """A terminal with a command in its foreground: its screen is kept, keys can be pressed."""

    def __init__(self, *command: object) -> None:
        self._ours, theirs = os.openpty()
        self._before = termios.tcgetattr(theirs)
        own = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        words = [sys.executable, "-c", own + "os.execv(sys.argv[1], sys.argv[1:])", *command]
        self.process = subprocess.Popen(
            [str(word) for word in words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        self._theirs, self.screen = theirs, ""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while shown := os.read(self._ours, 65536):
                self.screen += shown.decode(errors="replace")

    def press(self, *keys: bytes) -> None:
        os.write(self._ours, b"".join(keys))

    def close(self) -> bool:
        """Wait for the command's end; tell whether the terminal is as it was before."""
        self.process.wait(timeout=WAIT_S)
        restored = termios.tcgetattr(self._theirs) == self._before
        os.close(self._theirs)
        self._reader.join(WAIT_S)
        os.close(self._ours)
        return restored


def test_keys_in_its_terminal_control_a_replay(site: Site) -> None:
    words = ["--night", "2026-11-21", "--speed", "0.001", "--paused", "--id", "keys"]
    terminal = Terminal(EVCTL, "--site-file", site.file, "replay", *words)
    until(lambda: "paused" in terminal.screen)
    terminal.press(b"n")
    until(lambda: site.sent("keys") == 1)
    terminal.press(b"b")
    until(lambda: site.sent("keys") == 11)
    terminal.press(b"\x1b[C")
    until(lambda: "Z is outside of what is played" in terminal.screen)
    terminal.press(b"?", b"\x1b[D", b"n")
    until(lambda: site.sent("keys") == 12)
    line = re.compile(r"\d+% 2026-11-21T00:00:00\.\d{3}  paused  12 records")
    until(lambda: line.search(terminal.screen) is not None)
    terminal.press(b"m", b" ")
    assert terminal.close()
    assert terminal.process.returncode == 0
    assert re.search(r"space pause .* q quit", terminal.screen)
    assert "Replayed 211 records in" in terminal.screen

    record = Decoder(Registry(site.cluster)).record
    account = [record(m).event for m in read(site.target("keys"), REPLAY_CONTROL)]
    told = [(e.command, bool(e.refused)) for e in account if isinstance(e, ReplayControlled)]
    assert told == [
        ("step", False),
        ("burst 10", False),
        ("seek +10s", True),
        ("seek -10s", False),
        ("step", False),
        ("speed max", False),
        ("toggle", False),
    ]
