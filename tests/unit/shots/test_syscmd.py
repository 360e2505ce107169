"""A telescope that is moved by commands: real processes, none of which is left behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from consumers import Refused
from consumers.shots import Exposure, Found, ShotFailed
from infra.telescope.outside import Outside
from infra.telescope.programs import Programs
from infra.telescope.syscmd import Syscmd
from tests.unit.shots.trial import BEGUN, files, order, ticket
from tests.waiting import until

SYSCMD = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  fail) echo "no guide star" >&2; exit 3 ;;
  hang) sleep 600 & echo $! > "$CALLS.child"; wait ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `syscmd` in PATH; the file that is returned has what it was called with."""
    program = tmp_path / "bin" / "syscmd"
    program.parent.mkdir()
    program.write_text(SYSCMD)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def telescope(folder: Path, timeout: float = 30.0, margin: float = 30.0) -> Syscmd:
    """Return a telescope whose exposures are made by `syscmd` as well."""
    command = ("syscmd", "{exposure}", "{seconds}", "{QIFU}", "{shuffle_conf}", "{directory}")
    outside = Outside(command, margin, True, files(shuffle=folder))
    return Syscmd(folder / "telescope", "syscmd", timeout, outside)


def go_on() -> None:
    """Never stop."""


def child(calls: Path) -> int:
    """Return the process that a command has started, once it has."""
    until(lambda: has_begun(calls))
    return int(calls.with_suffix(".child").read_text())


def has_begun(calls: Path) -> bool:
    """Whether a command has started a process that will not end by itself."""
    path = calls.with_suffix(".child")
    return path.exists() and path.read_text().strip() != ""


def gone(pid: int) -> bool:
    """Whether a process has ended, if perhaps nobody has taken note of it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_each_command_is_run_and_then_each_exposure(calls: Path, tmp_path: Path) -> None:
    there = telescope(tmp_path)
    commands = ["syscmd -T 'load(ra=1, dec=2)'", "guide on # now"]
    there.set_up(ticket(1), order(), commands, go_on)
    exposure = Exposure(order(), 2, 361.0, "data/exp02", BEGUN)

    assert there.expose(ticket(1), exposure, go_on) == 361.0
    assert calls.read_text().splitlines() == [
        "-T load(ra=1, dec=2)",
        "guide on",
        f"2 361.0 000 {tmp_path}/HETcommands/HS0050_000_W.cfg data/exp02",
    ]


def test_a_command_that_fails_is_named_with_what_it_said(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(ShotFailed) as found:
        telescope(tmp_path).set_up(ticket(1), order(), ["a b", "fail", "never"], go_on)
    said = found.value
    assert (said.kind, said.reason) == ("SetupFailed", "`syscmd fail` ended with exit code 3")
    assert said.details == "no guide star\n"
    assert calls.read_text() == "a b\nfail\n"


def test_one_that_hangs_is_killed_with_its_children(calls: Path, tmp_path: Path) -> None:
    for seconds in (1, 4, 16):  # on a busy machine it may not even have begun
        there = telescope(tmp_path, timeout=float(seconds))
        with pytest.raises(
            ShotFailed, match=f"`syscmd hang` hung: it was killed after {seconds} s"
        ):
            there.set_up(ticket(seconds), order(), ["hang"], go_on)
        if has_begun(calls):
            break
    until(lambda: gone(child(calls)))


def test_an_abort_kills_what_runs(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(ShotFailed, match="clouds") as found:
        telescope(tmp_path).set_up(
            ticket(1), order(), ["hang"], lambda: "clouds" if has_begun(calls) else None
        )
    assert found.value.kind == "Aborted"
    until(lambda: gone(child(calls)))


def test_an_instance_that_was_replaced_kills_what_it_runs(calls: Path, tmp_path: Path) -> None:
    there = telescope(tmp_path)

    def replaced() -> None:
        if has_begun(calls):
            there.note(ticket(2, epoch=7), Found("set-up", ended=False))

    with pytest.raises(Refused, match="epoch 1 was replaced by 7"):
        there.set_up(ticket(1), order(), ["hang"], replaced)
    until(lambda: gone(child(calls)))


def test_without_a_command_or_a_program_nothing_is_set_up(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(ShotFailed, match=r"does run_shot\.shuffle_shot name the directory"):
        telescope(tmp_path).set_up(ticket(1), order(), [], go_on)
    outside = Outside((), 1.0, False, files())
    none = Syscmd(tmp_path / "telescope", "no-such-program", 1.0, outside)
    with pytest.raises(ShotFailed, match="no-such-program can't be started"):
        none.set_up(ticket(1), order(), ["go"], go_on)


RUN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from infra.telescope.programs import Programs
started = Path(os.environ["CALLS"] + ".child")
def stopped():
    if started.exists() and started.read_text().strip():
        os.kill(os.getpid(), signal.SIGKILL)
Programs(Path(sys.argv[1])).run(["syscmd", "hang"], "SetupFailed", 60.0, stopped, lambda: None)
"""


def test_what_a_crash_has_left_running_is_ended_by_who_comes_next(
    calls: Path, tmp_path: Path
) -> None:
    there = telescope(tmp_path)
    there.begin(ticket(1))
    lock = tmp_path / "telescope" / ".program"
    dead = subprocess.run([sys.executable, "-c", RUN_AND_DIE, lock], check=False)
    assert dead.returncode == -signal.SIGKILL
    left = child(calls)
    assert not gone(left)

    assert there.find(ticket(1, epoch=2)) == Found("set-up", ended=False)

    until(lambda: gone(left))
    there.set_up(ticket(2, epoch=2), order(), ["guide on"], go_on)


def test_two_programs_at_once_are_one_too_many(calls: Path, tmp_path: Path) -> None:
    programs, may_end = Programs(tmp_path / "lock"), threading.Event()

    def run() -> None:
        with pytest.raises(ShotFailed):
            programs.run(
                *(["syscmd", "hang"], "SetupFailed", 60.0),
                stopped=lambda: "enough" if may_end.is_set() else None,
                check=lambda: None,
            )

    thread = threading.Thread(target=run)
    thread.start()
    child(calls)
    with pytest.raises(BlockingIOError):
        programs.run(["syscmd", "go"], "SetupFailed", 60.0, go_on, go_on)
    may_end.set()
    thread.join()
