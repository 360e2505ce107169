"""A program that schedules: what it is told, and what can be wrong with what it says."""

from pathlib import Path

import psutil
import pytest

from consumers import Refused
from consumers.external_scheduler import Answer
from infra.scheduling.external import OUTPUT_AT_MOST, ExternalScheduler, NoScheduler
from schemas.utc import parse
from tests.unit.scheduling.test_shot_file import GOOD
from tests.waiting import until

WHEN = parse("2017-06-19T04:48:00Z")
SAID = "DEX00001 0 68.4"
TIMEOUT_S = 30.0


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    path = tmp_path / "shots.dat"
    path.write_text(GOOD)
    return path


def ask(shots: Path, script: str, timeout: float = TIMEOUT_S) -> Answer:
    """Let a shell script schedule."""
    return ExternalScheduler(("sh", "-c", script), shots, timeout).propose(WHEN, 1.5, 0.6, None)


def test_it_is_told_time_and_conditions_and_its_last_line_counts(shots: Path) -> None:
    words = ["{shot_file}", "{jd}", "{azimuth}", "{seeing}", "{transparency}"]
    command = ("sh", "-c", f'echo "$@"; echo {SAID}; echo "# done"; echo', "sh", *words)
    scheduler = ExternalScheduler(command, shots, TIMEOUT_S)
    output = f"{shots} 2457923.700000 -1 1.5 0.6\n{SAID}\n# done\n\n"
    assert scheduler.propose(WHEN, 1.5, 0.6, None) == ("DEX00001", 0, 68.4, output)
    assert " 318.25 " in scheduler.propose(WHEN, 1.5, 0.6, 318.25).output


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "sh ended with exit code 3; it said nothing"),
        ("echo no such night >&2; exit 1", "exit code 1; it said last 'no such night'"),
        ("kill -TERM $$", "sh ended with signal SIGTERM"),
        ("kill -40 $$", "sh ended with signal 40"),
        ("yes rubbish", "sh printed more than 64 MiB"),
        ("echo '# only a comment'", "it proposed no shot; it printed '# only a comment"),
        ("echo DEX00001 2 68.4", "'DEX00001 2 68.4' is not `SHOTID TRACK AZIMUTH`"),
        ("echo DEX00001 0 360", "is not `SHOTID TRACK AZIMUTH`"),
        ("echo DEX00001 0 nan", "is not `SHOTID TRACK AZIMUTH`"),
        ("echo Segmentation fault", "is not `SHOTID TRACK AZIMUTH`"),
        ("printf '\\377\\000 0 1'", "it proposed '\ufffd\ufffd', which is not in"),
        ("echo DEX00002 0 68.4", "it proposed 'DEX00002', which is not in"),
    ],
)
def test_what_is_wrong_with_it_is_told(shots: Path, script: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(shots, script)
    assert said in str(refused.value)


def test_one_that_hangs_is_killed_with_its_children(shots: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    with pytest.raises(Refused, match=r"sh hung: it was killed after 1 s"):
        ask(shots, f"sleep 600 & echo $! > {child}; wait", 1.0)
    if child.exists() and (text := child.read_text().strip()):
        until(lambda: not _runs(int(text)))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_child_that_it_leaves_behind_ends_with_it(shots: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    assert ask(shots, f"sleep 600 & echo $! > {child}; echo {SAID}").shot == "DEX00001"
    until(lambda: not _runs(int(child.read_text())))


def test_of_much_output_the_end_is_kept(shots: Path) -> None:
    found = ask(shots, f"yes rubbish | head -n 100000; echo {SAID}")
    assert found.shot == "DEX00001"
    assert len(found.output) == OUTPUT_AT_MOST


def test_without_a_program_or_a_list_there_is_no_scheduler(shots: Path, tmp_path: Path) -> None:
    with pytest.raises(NoScheduler, match=r"scheduler\.command is not set"):
        ExternalScheduler((), shots, 1)
    with pytest.raises(NoScheduler, match=r"shots\.shot_file is not set"):
        ExternalScheduler(("sh",), None, 1)
    missing = ExternalScheduler(("no-such-program",), shots, 1)
    with pytest.raises(Refused, match=r"no-such-program can't be started"):
        missing.propose(WHEN, 1.5, 0.6, None)
    with pytest.raises(Refused, match=r"gone\.dat can't be read"):
        ask(tmp_path / "gone.dat", f"echo {SAID}")
