"""Deadlines on a clock that is an argument."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.replay.controls import Pause, SetSpeed, Transport
from infra.replay.pacing import NotASpeed, Pace, parse_speed

START = 1_700_000_000_000_000


@dataclass
class Wall:
    """A clock that passes only while someone naps, and then a little longer than asked for."""

    now: float = 100.0
    oversleeps: float = 0.0
    gives_up: bool = False

    def clock(self) -> float:
        return self.now

    def nap(self, seconds: float) -> bool:
        self.now += seconds + self.oversleeps
        return self.gives_up


def pace_of(speed: float, wall: Wall) -> Pace:
    """Return the pace whose first record is due now."""
    return Pace(Transport(speed, START, wall.now), wall.clock, wall.nap)


def nothing_to_do(_: float) -> bool:
    return False


@given(st.lists(st.integers(0, 3_600_000_000), max_size=30), st.sampled_from([0.5, 1, 10, 1000]))
def test_errors_of_single_waits_do_not_add_up(gaps: list[int], speed: float) -> None:
    wall = Wall(oversleeps=0.0001)
    pace = pace_of(speed, wall)
    for gap in sorted(gaps):
        late = pace.wait(START + gap, nothing_to_do)
        assert late is not None
        assert -1 <= late <= 101
        assert wall.now >= 100 + gap / 1e6 / speed - 1e-6


def test_nothing_is_sent_before_it_is_due() -> None:
    wall = Wall()
    pace = pace_of(2.0, wall)
    pace.wait(START + 3_000_000, nothing_to_do)
    assert wall.now == pytest.approx(101.5)


def test_when_behind_there_is_no_wait_and_lateness_counts_from_the_deadline() -> None:
    wall = Wall()
    pace = pace_of(1.0, wall)
    wall.now += 2.0
    assert pace.wait(START + 500_000, nothing_to_do) == pytest.approx(1_500_000, abs=1)
    assert pace.wait(START + 600_000, nothing_to_do) == pytest.approx(1_400_000, abs=1)
    assert wall.now == 102.0
    assert pace.wait(START + 2_500_000, nothing_to_do) == pytest.approx(0, abs=1)


def test_idle_time_is_used_before_napping() -> None:
    wall, used = Wall(), []

    def read(left: float) -> bool:
        used.append(left)
        wall.now += 0.01
        return len(used) < 5

    pace_of(1.0, wall).wait(START + 100_000, read)
    assert used[:2] == [pytest.approx(0.1), pytest.approx(0.09)]
    assert wall.now == pytest.approx(100.1, abs=0.011)


def test_a_nap_that_gives_up_ends_the_wait() -> None:
    wall = Wall(gives_up=True)
    pace = pace_of(1.0, wall)
    late = pace.wait(START + 3_600_000_000, nothing_to_do)
    assert late is not None
    assert late < 0
    assert wall.now < 101


def test_what_is_changed_meanwhile_holds_at_once() -> None:
    wall = Wall()
    pace = pace_of(1.0, wall)

    def hurry(_: float) -> bool:
        pace.transport = pace.transport.after(SetSpeed(100.0), wall.now, START + 9_000_000)
        return False

    pace.wait(START + 9_000_000, hurry)
    assert wall.now < 101


def test_without_a_deadline_nothing_is_late() -> None:
    wall = Wall(gives_up=True)
    pace = pace_of(float("inf"), wall)
    assert pace.wait(START + 9_000_000, nothing_to_do) is None
    pace.transport = pace.transport.after(Pause(), wall.now, START)
    assert pace.wait(START + 9_000_000, nothing_to_do) is None


@pytest.mark.parametrize(("text", "factor"), [("1", 1.0), ("0.25", 0.25), ("1e3", 1000.0)])
def test_a_factor_is_a_speed(text: str, factor: float) -> None:
    assert parse_speed(text) == factor


@pytest.mark.parametrize("text", ["max", "MAX", " max "])
def test_max_is_a_speed(text: str) -> None:
    assert parse_speed(text) == float("inf")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "fast", "", "1x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(NotASpeed, match="a factor above 0") as fault:
        parse_speed(text)
    assert fault.value.exit_code == 2
