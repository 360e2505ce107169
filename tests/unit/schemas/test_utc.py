"""Time scales and their text."""

import os
import subprocess
import sys
from itertools import compress, pairwise
from math import ulp
from pathlib import Path

import pytest
from astropy.time import Time
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import utc
from schemas.utc import MICROS, NotATime
from tests.unit.schemas.arbitrary import INSTANTS, INT64

DAY = 86_400 * MICROS
FIRST_DAY = utc.FIRST + DAY
_JULY = (1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015)
_JANUARY = (*range(1973, 1981), 1988, 1990, 1991, 1996, 1999, 2006, 2009, 2017)
LEAPS = sorted([*(f"{year}-07-01" for year in _JULY), *(f"{year}-01-01" for year in _JANUARY)])
"""The days that began after a leap second (IERS Bulletin C)."""

TAI_MINUS_UTC = list(zip(LEAPS, range(11, 38), strict=True))
"""Seconds, from the day on; one less before it (IERS Bulletin C)."""


@given(INSTANTS)
def test_text_names_the_instant_it_was_made_from(micros: int) -> None:
    assert utc.parse(utc.iso(micros)) == micros


@given(INT64)
def test_every_instant_has_a_text(micros: int) -> None:
    text = utc.iso(micros)

    assert text.endswith("Z") or text == f"{micros} µs"


@pytest.mark.parametrize(
    "text",
    [
        "2017-11-18T18:00:00",
        "2017-11-18T18:00:00Z",
        "2017-11-18 18:00",
        "2017-11-18T18:00:00,000000 Z",
        "2017-11-18T12:00:00-06:00",
        "2017-11-18T19:30:00+0130",
        " 2017-11-18T18:00:00.0000009Z ",
        "2458076.25",
        "jd 2458076.25",
        "JD2458076.25",
        "mjd 58075.75",
        "unix 1511028000",
        "gps 1195063218",
        "2017:322:18:00:00",
    ],
)
def test_forms_of_one_instant(text: str) -> None:
    assert utc.parse(text) == 1_511_028_000 * MICROS
    assert utc.iso(utc.parse(text)) == "2017-11-18T18:00:00.000000Z"


def test_a_date_is_its_midnight() -> None:
    assert utc.parse("1970-01-02") == DAY


def test_the_julian_date_of_a_known_hour() -> None:
    six, seven = utc.parse("2017-11-18T18:00:00"), utc.parse("2017-11-18T19:00:00")

    assert utc.julian_date(six) == 2458076.25
    assert utc.julian_date(seven) == pytest.approx(2458076.291667, abs=5e-7)
    assert utc.parse("2458076.291667") == pytest.approx(seven, abs=0.05 * MICROS)


@example(28_472_143_678_663_976)  # 3 µs more, were it rounded twice
@given(INSTANTS)
def test_a_julian_date_is_read_back_as_well_as_a_double_has_it(micros: int) -> None:
    date, modified = utc.julian_date(micros), utc.modified_julian_date(micros)
    half = ulp(date) / 2 * DAY  # 20 µs, and 40 from the year 6771 on

    assert abs(utc.from_julian_date(date) - micros) <= half + 1
    assert modified == pytest.approx(date - 2_400_000.5, abs=ulp(date))
    if FIRST_DAY <= micros <= utc.LAST - DAY:  # a text names nothing outside
        assert abs(utc.parse(f"jd {date:.12f}") - micros) <= half + 1
        # it is rounded twice: from the instant to a double, and back to whole microseconds
        assert abs(utc.parse(f"mjd {modified:.14f}") - micros) <= ulp(modified) * DAY + 1


@given(st.integers(utc.parse("1972-01-01"), utc.parse("2027-01-01") - 1))
def test_julian_dates_are_astropys(micros: int) -> None:
    theirs = Time(utc.iso(micros)[:-1], scale="utc")

    assert abs(utc.julian_date(micros) - theirs.jd) <= ulp(theirs.jd)
    assert abs(utc.modified_julian_date(micros) - theirs.mjd) <= ulp(theirs.mjd)


def test_the_leap_seconds_are_those_of_astropys_table() -> None:
    months = [f"{year}-{month:02}-01" for year in range(1972, 2027) for month in range(1, 13)]
    took = (Time(months[1:], scale="utc") - Time(months[:-1], scale="utc")).sec
    days = [(utc.parse(b) - utc.parse(a)) / DAY for a, b in pairwise(months)]
    longer = [second > day * 86_400 + 0.5 for second, day in zip(took, days, strict=True)]

    assert list(compress(months[1:], longer)) == LEAPS


@pytest.mark.parametrize("day", LEAPS)
def test_julian_dates_around_and_in_a_leap_second(day: str) -> None:
    midnight = utc.parse(day)
    before = utc.iso(midnight - DAY)[:10]

    times = ["00:00:00", "12:00:00", "23:59:58", "23:59:59"]
    for text in (*(f"{before}T{time}" for time in times), day, f"{day}T00:00:01"):
        theirs = Time(text, scale="utc")
        assert abs(utc.julian_date(utc.parse(text)) - theirs.jd) <= ulp(theirs.jd)
        assert abs(utc.parse(f"jd {float(theirs.jd)!r}") - utc.parse(text)) <= 21
        assert abs(utc.parse(f"mjd {float(theirs.mjd)!r}") - utc.parse(text)) <= 1
    during = Time(f"{before}T23:59:60.25", scale="utc")
    ours = utc.julian_date(utc.parse(f"{before}T23:59:60.25"))
    assert 0 <= (ours - during.jd) * DAY <= MICROS + 50  # ours is that of the second after it
    assert abs(utc.parse(f"jd {float(during.jd)!r}") - (midnight + MICROS // 4)) <= 21


@pytest.mark.parametrize(("day", "offset"), TAI_MINUS_UTC)
def test_tai_around_every_leap_second(day: str, offset: int) -> None:
    midnight = utc.parse(day)
    seconds = midnight // MICROS

    assert utc.from_tai_seconds(seconds + offset) == midnight
    assert utc.from_tai_seconds(seconds + offset - 2) == midnight - MICROS
    assert utc.from_tai_seconds(seconds + offset - 43_201) == midnight - 43_200 * MICROS
    assert utc.from_tai_seconds(seconds + offset - 0.5) == midnight + MICROS // 2  # 23:59:60.5


@given(st.integers(utc.parse("2017-01-01"), utc.parse("2040-01-01")))
def test_tai_is_37_s_ahead_since_2017(micros: int) -> None:
    assert abs(utc.from_tai_seconds(micros / MICROS + 37) - micros) <= 1


@pytest.mark.parametrize(("day", "_offset"), TAI_MINUS_UTC)
def test_a_leap_second_is_the_second_after_it(day: str, _offset: int) -> None:
    midnight = utc.parse(day)
    before = utc.iso(midnight - DAY)[:10]

    assert utc.parse(f"{before}T23:59:60Z") == midnight
    assert utc.parse(f"{before}T23:59:60.25") == midnight + MICROS // 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "20171118",
        "58075.75",
        "2017.88",
        "12345",
        "2017-13-01",
        "2017-11-18T25:00",
        "2017-11-18T23:59:60Z",
        "jd",
        "mjd nan",
        "jd 9999999",
        "unix 1e9",
        "stones 12.5",
        "decimalyear 123456",
        "9" * 5000,
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(NotATime, match="is not an instant such as 2026-"):
        utc.parse(text)


def test_astropy_says_nothing_of_its_own_settings(tmp_path: Path) -> None:
    code = "from schemas import utc; print(utc.parse('2016-12-31T23:59:60'))"
    environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "nowhere")}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("1483228800000000\n", "")
