"""The live line about a replay."""

import pytest

from infra.replay.course import Course
from infra.replay.progress import fraction, said

MIDNIGHT = 1_795_219_200_000_000


def test_before_the_first_record_it_is_reading() -> None:
    assert said(Course()) == "reading"


def under_way() -> Course:
    course = Course()
    course.set_out(MIDNIGHT)
    course.part_from = MIDNIGHT
    course.time, course.records = MIDNIGHT + 61_000_000, 6_621
    course.late["observatory"].add(2_340)
    return course


def test_it_says_where_in_the_night_how_fast_and_how_late() -> None:
    words = said(under_way(), [MIDNIGHT + 122_000_000])
    assert words.startswith("2026-11-21T00:01:01.000  ")
    assert "x  6,621 records  late p99 2.3 max 2.3 ms  ETA " in words


def test_it_says_that_it_is_paused() -> None:
    course = under_way()
    course.turn(paused=True)
    assert said(course, [MIDNIGHT + 122_000_000]).startswith("2026-11-21T00:01:01.000  paused  6,6")


@pytest.mark.parametrize(("seconds", "share"), [(122, 0.5), (61, 1.0), (30, 1.0), (0, 1.0)])
def test_it_shows_how_much_of_the_night_has_gone_by(seconds: int, share: float) -> None:
    assert fraction(under_way(), [MIDNIGHT + seconds * 1_000_000]) == share
    assert fraction(under_way(), []) == 0
    assert fraction(Course(), [MIDNIGHT]) == 0


def test_pauses_leaps_and_steps_are_no_part_of_the_pace() -> None:
    course = under_way()
    course.leap(50_000_000)
    course.turn(paused=True)
    course.time += 7_000_000
    taken = course.taken
    assert (course.played, course.taken) == (11_000_000, taken)
    course.turn(paused=False)
    course.time += 2_000_000
    course.arrive()
    assert course.played == 13_000_000


def test_the_time_between_two_windows_does_not_count() -> None:
    course = Course()
    for day in (0, 86_400_000_000):
        course.set_out(MIDNIGHT + day)
        course.time = MIDNIGHT + day + 1_500_000
        course.arrive()
    assert course.played == 3_000_000
    assert course.first_time == MIDNIGHT
    taken = course.taken
    assert course.taken == taken  # no window is under way
