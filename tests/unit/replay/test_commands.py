"""Commands to a replay as text, and lengths of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.replay.commands import NotACommand, NotACount, parse, text_of
from infra.replay.controls import Accelerate, Burst, Command, Pause, PlayUntil, Seek, SetSpeed
from infra.replay.keys import KEYS, commands
from infra.replay.pacing import NotASpeed
from infra.replay.spans import NotASpan, parse_span, said
from schemas.errors import EvctlError
from schemas.utc import NotATime

MIDNIGHT = 1_795_219_200_000_000


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("pause", Pause()),
        (" step ", Burst(1)),
        ("burst 100", Burst(100)),
        ("speed 2.5", SetSpeed(2.5)),
        ("speed max", SetSpeed(float("inf"))),
        ("seek 2026-11-21T00:00", Seek(MIDNIGHT)),
        ("seek -10m", Seek(-600_000_000, relative=True)),
        ("seek +1h30m", Seek(5_400_000_000, relative=True)),
        ("until 2026-11-21 00:00:01.5", PlayUntil(MIDNIGHT + 1_500_000)),
        ("until +250ms", PlayUntil(250_000, relative=True)),
    ],
)
def test_a_command_is_a_word_and_what_it_needs(text: str, command: Command) -> None:
    assert parse(text) == command
    assert parse(text_of(command)) == command


@pytest.mark.parametrize("command", [c for c in KEYS.values() if not isinstance(c, Accelerate)])
def test_what_a_key_means_can_be_said(command: Command) -> None:
    assert parse(text_of(command)) == command


def test_a_key_that_sends_several_bytes_is_none_of_them() -> None:
    f1, f5, f10, home, shift_right = b"\x1bOP", b"\x1b[15~", b"\x1b[21~", b"\x1b[1~", b"\x1b[1;2C"
    typed = b"n" + f1 + f5 + f10 + b"\x1b[D" + home + shift_right + b"\x1bx\xc3\xb6b"
    assert list(commands(typed)) == [Burst(1), Seek(-10_000_000, relative=True), Burst(10)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", NotACommand),
        ("halt", NotACommand),
        ("pause now", NotACommand),
        ("seek", NotACommand),
        ("burst 0", NotACount),
        ("burst ten", NotACount),
        ("burst 99999999999999999999", NotACount),
        ("burst ²", NotACount),
        ("speed 0", NotASpeed),
        ("seek +", NotASpan),
        ("seek -ten", NotASpan),
        ("seek 2026-13-01", NotATime),
        ("until -x", NotASpan),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(text: str, fault: type[EvctlError]) -> None:
    with pytest.raises(fault) as refused:
        parse(text)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("90", 90_000_000),
        ("5ms", 5_000),
        ("1.5", 1_500_000),
        ("2 h 3m", 7_380_000_000),
        ("1h7", 3_607_000_000),
    ],
)
def test_a_length_of_time(text: str, micros: int) -> None:
    assert parse_span(text, "it") == micros


@pytest.mark.parametrize("text", ["", " ", "-5", "5 parsecs", "ms", "1e3", "nan", "5ms!"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(NotASpan, match=r"The wait is .* has to be a length of time"):
        parse_span(text, "The wait")


@given(st.integers(0, 10**12))
def test_a_length_is_said_so_that_it_can_be_read_back(millis: int) -> None:
    assert abs(parse_span(said(millis * 1000), "it") - millis * 1000) <= max(millis // 100, 1000)
