"""The weather above the simulated telescope, and the faults that can be asked for."""

import re
from itertools import pairwise
from statistics import mean, median

import pytest

from producers.telescope.atmosphere import LOST_BY_MONTH, STEP, Air, Atmosphere, Weather
from producers.telescope.faults import NotAFault, Spell, parse_faults
from schemas import utc
from schemas.utc import MICROS

JULY = utc.parse("2026-07-10T03:00")
NIGHT = 3600


def night(seed: int, weather: Weather) -> list[Air]:
    air = Atmosphere(seed, JULY, weather)
    return [air.at(JULY + n * STEP) for n in range(NIGHT)]


def test_seeing_drifts_and_is_what_het_has() -> None:
    seeing = [air.seeing for seed in range(30) for air in night(seed, Weather.CLEAR)[::10]]
    assert median(seeing) == pytest.approx(1.55, abs=0.12)
    steps = [abs(a.seeing - b.seeing) for a, b in pairwise(night(1, Weather.CLEAR))]
    assert mean(steps) < 0.05
    assert all(0.5 < air.transparency <= 1 for air in night(2, Weather.CLEAR))


def test_as_much_time_is_lost_to_clouds_as_in_the_month() -> None:
    lost = [air.transparency < 0.5 for seed in range(60) for air in night(seed, Weather.SEASON)]
    assert mean(lost) == pytest.approx(LOST_BY_MONTH[6], abs=0.1)


def test_clouds_come_when_they_are_asked_for() -> None:
    clouds = [(JULY + 600 * MICROS, JULY + 900 * MICROS)]
    air = Atmosphere(1, JULY, Weather.CLEAR, clouds)
    clear = [air.at(JULY + n * MICROS).transparency > 0.5 for n in range(1200)]
    assert clear == [not 600 <= n < 900 for n in range(1200)]


def test_faults_are_read_as_they_are_written() -> None:
    found = parse_faults(["setup:0.02", "silent:03:10+120s", "clouds:11:00+2h"])
    assert (found.setup, found.exposure) == (0.02, 0.0)
    assert found.spells[0] == Spell("silent", 11_400 * MICROS, 120 * MICROS)
    ((begin, end),) = found.of("clouds", JULY)
    assert utc.iso(begin)[:16] == "2026-07-10T11:00"
    assert end - begin == 7200 * MICROS
    assert found.of("guider", JULY) == ()


@pytest.mark.parametrize(
    "text",
    ["setup", "setup:2", "setup:nan", "exposure:-1", "silent:3:10", "clouds:24:00+1h", "rain:1"],
)
def test_what_is_no_fault_is_refused_by_name(text: str) -> None:
    with pytest.raises(NotAFault, match=re.escape(text)):
        parse_faults([text])
