"""evctl's own messages: where they go and what a line holds."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.logs import LogFileRefused, configure
from infra.settings.model import Logging

LOGGER = logging.getLogger("evctl.test")


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def test_messages_go_to_stderr_in_utc_and_never_to_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Honolulu")
    assert configure(Logging(), "replay") is None
    record = LOGGER.makeRecord(LOGGER.name, logging.INFO, "", 0, "night %s", ("begins",), None)
    record.created, record.msecs = 1704067199.25, 250
    LOGGER.handle(record)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "2023-12-31T23:59:59.250Z INFO replay evctl.test: night begins\n"


def test_messages_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Logging(level="WARNING"), "tail")
    LOGGER.info("quiet")
    LOGGER.warning("loud")
    assert "quiet" not in (err := capsys.readouterr().err)
    assert "loud" in err


def test_each_service_has_a_file_in_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "logs"
    for service in ("projections", "replay"):
        assert configure(Logging(directory=directory), service) == directory / f"{service}.log"
        LOGGER.info("from %s", service)
    assert "from replay" not in (directory / "projections.log").read_text()
    assert "from replay" in (directory / "replay.log").read_text()


def test_the_file_of_the_command_line_wins_over_file_over_directory(tmp_path: Path) -> None:
    named, file = tmp_path / "named", tmp_path / "file"
    settings = Logging(file=file, directory=tmp_path)
    assert configure(settings, "tail", named) == named
    assert configure(settings, "tail") == file


def test_json_has_an_object_a_line(tmp_path: Path) -> None:
    configure(Logging(format="json", file=tmp_path / "log"), "run")
    try:
        int("Sirius ★")
    except ValueError:
        LOGGER.exception("two\nlines")
    fields = json.loads((tmp_path / "log").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["time"])
    assert fields["message"] == "two\nlines"
    assert (fields["level"], fields["service"], fields["logger"]) == ("ERROR", "run", "evctl.test")
    assert "Sirius ★" in fields["exception"]


def test_a_pattern_of_ones_own(tmp_path: Path) -> None:
    configure(Logging(format="%(service)s|%(message)s", file=tmp_path / "log"), "run")
    LOGGER.info("here")
    assert (tmp_path / "log").read_text() == "run|here\n"


def test_a_full_file_is_put_aside_and_only_so_many_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "log"
    configure(Logging(format="%(message)s", file=file, rotate_size=10, rotate_count=2), "run")
    for number in range(5):
        LOGGER.info("message %d .", number)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {
        "log": "message 4 .\n",
        "log.1": "message 3 .\n",
        "log.2": "message 2 .\n",
    }


def test_processes_that_share_a_file_lose_no_line(tmp_path: Path) -> None:
    """Three processes write at once, over many rotations; every line is found once and whole."""
    script = (
        "import logging, sys; from pathlib import Path; from infra.logs import configure;"
        "from infra.settings.model import Logging;"
        "configure(Logging(format='%(message)s', rotate_size=2000, rotate_count=1000,"
        " file=Path(sys.argv[1])), 's');"
        "[logging.info('%s-%d end', sys.argv[2], n) for n in range(400)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "log"), str(name)])
        for name in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name}-{n} end" for name in range(3) for n in range(400))
    assert len(list(tmp_path.iterdir())) > 3


def test_a_file_that_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogFileRefused, match=r"gone/log: No such file or directory\. Mend"):
        configure(Logging(), "run", tmp_path / "gone" / "log")
