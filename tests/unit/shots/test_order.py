"""What is typed after `evctl shot run` becomes an order, or a sentence says what is wrong."""

import re
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from infra.cli import app, shot, shot_order
from infra.cli.shot_run import arranged
from infra.cli.words import options_first

USAGE = """
usage: ocd run_shot [-h] [--config [CONFIG]] [-e] [-c] [-t TIMEOUT] [-m METADATA] [-d {yes,no}]
[-w {yes,no}] [-N N_OCD_RUN_SHOT] [--shuffle-shot SHUFFLE_SHOT]
[--shuffle-conf-template SHUFFLE_CONF_TEMPLATE] [--acam-dest-file ACAM_DEST_FILE]
[--ocd-run-shot OCD_RUN_SHOT [OCD_RUN_SHOT ...]]
shotid obs_number ra dec azimuth {0,1} exp01 exp02 exp03
-e, --emit-events -c, --wait-for-connection -t TIMEOUT, --timeout TIMEOUT
-m METADATA, --metadata METADATA -d {yes,no}, --dither-with-probes {yes,no}
-w {yes,no}, --wait-last-write {yes,no} -N N_OCD_RUN_SHOT, --n-ocd-run-shot N_OCD_RUN_SHOT
"""
WORDS = ["HS0050", "12", "11.5", "53.2", "68.4", "0", "360", "360", "360"]


def test_every_name_of_ocd_s_usage_is_known_in_its_order() -> None:
    command = get_command(shot.app).commands["run"]  # type: ignore[attr-defined]
    names = {name for param in command.params for name in param.opts}
    arguments = [param.metavar for param in command.params if not param.opts[0].startswith("-")]

    asked = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", USAGE))
    assert asked - names == {"-h", "--config"}  # of every command
    assert arguments == USAGE.replace("{0,1} exp", "0|1 exp").splitlines()[5].split()


@given(st.permutations(["-e", "-t 5", "-m {}", "-dyes", "--ocd-run-shot tcp://a:1 ipc://b"]))
def test_options_may_stand_anywhere_and_a_negative_number_is_none(options: list[str]) -> None:
    words = ["HS0050", *options[:2], "12", "-11.5", *options[2:], "-4:15:00", "-.5"]
    given = [part for word in words for part in word.split()]

    found = arranged(given)

    at = found.index("--")
    assert found[at + 1 :] == ["HS0050", "12", "-11.5", "-4:15:00", "-.5"]
    front = " ".join(found[:at])
    assert {"-e", "-t 5", "-m {}", "-dyes"} <= {
        m for m in ["-e", "-t 5", "-m {}", "-dyes"] if m in front
    }
    assert "--ocd-run-shot tcp://a:1 --ocd-run-shot ipc://b" in front


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-et 5 a -1", "-et 5 -- a -1"),
        ("-t5 a", "-t5 -- a"),
        ("-te a", "-te -- a"),
        ("--timeout=5 a", "--timeout=5 -- a"),
        ("a -- -e b", "-- a -e b"),
        ("a -t", "a -t"),
        ("", "--"),
    ],
)
def test_which_option_takes_the_next_word(words: str, expected: str) -> None:
    assert options_first(words.split(), {"-t", "--timeout"}) == expected.split()


def refused(*words: str) -> str:
    """Return what is said of a command line that is refused before anything is looked at."""
    found = CliRunner().invoke(app, ["shot", "run", *words], prog_name="evctl")
    assert found.exit_code == 2, found.output
    return " ".join(found.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("{", "--metadata is not JSON: "),
        ("[1]", "--metadata is a JSON list, and has to be a dictionary"),
        ("[" * 100_000, "--metadata is not JSON: "),
        ('{"a": {"b": 1}}', "'a' is a dictionary"),
        ('{"a": [[1]]}', "'a' is a list in a list"),
        ('{"a": [{}]}', "'a' is a list in a list"),
        ('{"a": "\\ud800"}', "'a' has half a character"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": 9223372036854775808}', "64 bits do not hold"),
    ],
)
def test_other_metadata_than_tcs_takes_is_refused(metadata: str, said: str) -> None:
    assert said in refused(*WORDS, "-m", metadata)


def test_metadata_that_tcs_takes() -> None:
    text = '{"QIFU": "000", "n": 1, "x": 1.5, "on": true, "none": null, "many": [1, "a", null]}'
    assert shot_order.metadata(text) == {
        "QIFU": "000",
        "n": 1,
        "x": 1.5,
        "on": True,
        "none": None,
        "many": [1, "a", None],
    }
    assert shot_order.metadata(None) == {}


@pytest.mark.parametrize(
    ("at", "word", "said"),
    [
        (0, " ", "shotid is ' ', which names no shot"),
        (1, "0", "obs_number is '0', and has to be 1 to 9999999"),
        (1, "10000000", "obs_number is '10000000', and has to be"),
        (1, "1.5", "obs_number is '1.5', and has to be"),
        (2, "24", "ra is 24, and has to be 0 to 24 hours"),
        (2, "eleven", "ra is 'eleven', which is no angle"),
        (2, "12:60:00", "ra is '12:60:00', and minutes and seconds of an angle are below 60"),
        (3, "-90.5", "dec is -90.5, and has to be -90 to 90 degrees"),
        (3, "nan", "dec is nan, and has to be"),
        (4, "361", "azimuth is 361, and has to be 0 to 360 degrees"),
        (5, "2", "the track is '2', and has to be 0 (east) or 1 (west)"),
        (5, "east", "the track is 'east', and has to be"),
        (6, "0", "exp01 is 0, and an exposure takes longer than that"),
        (8, "long", "exp03 is 'long', which is no number"),
    ],
)
def test_what_is_no_shot_is_refused(at: int, word: str, said: str) -> None:
    assert said in refused(*WORDS[:at], word, *WORDS[at + 1 :])


def test_all_nine_are_needed() -> None:
    assert "Missing argument 'exp03'" in refused(*WORDS[:-1])
    assert "yes" in refused(*WORDS, "-d", "maybe")
    assert "requires an argument" in refused(*WORDS, "-m")
    assert "less than or equal to 86400" in refused(*WORDS, "--wait", "inf")
    assert "less than or equal to 86400" in refused(*WORDS, "-e", "-c", "-t", "inf")


def test_angles_as_numbers_and_as_people_write_them() -> None:
    assert shot_order.right_ascension("11:03:54") == pytest.approx(11.065)
    assert shot_order.right_ascension("11h03m54s") == pytest.approx(11.065)
    assert shot_order.declination("-12:30:00") == pytest.approx(-12.5)
    assert shot_order.declination("-12.5") == -12.5
    with pytest.raises(typer.BadParameter):
        shot_order.right_ascension("24:00:00")


def test_paths_reach_a_worker_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shot_order.absolute(Path("shuffle")) == str(tmp_path / "shuffle")
    assert shot_order.absolute(None) is None
