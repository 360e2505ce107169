"""The live line about a replay."""

from infra.replay.course import Course
from infra.replay.progress import said

MIDNIGHT = 1_795_219_200_000_000


def test_before_the_first_record_it_is_reading() -> None:
    assert said(Course()) == "reading"


def test_it_says_where_in_the_night_how_fast_and_how_late() -> None:
    course = Course()
    course.set_out(MIDNIGHT)
    course.time, course.records = MIDNIGHT + 61_000_000, 6_621
    course.lateness.add(2_340)
    words = said(course)
    assert words.startswith("2026-11-21T00:01:01  6,621 records  ")
    assert words.endswith("x  at most 2.3 ms late")


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
