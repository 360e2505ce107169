"""How a replay is told: a line, JSON, an event."""

from dataclasses import replace
from math import inf

import orjson
import pytest

from infra.replay.limit import LatenessLimit, NoDeadlines, TooLate
from infra.replay.report import Report, factor

REPORT = Report(
    replay="night",
    namespace="het.replay.night.",
    windows=["the night 2026-11-20"],
    topics=["observatory"],
    records=11_394,
    complete=True,
    duration=12.25,
    first_time=1_700_000_000_000_000,
    last_time=1_700_000_122_400_000,
    requested_speed=10.0,
    achieved_speed=9.991,
    lateness_p50=0.081,
    lateness_p99=0.312,
    lateness_max=4.2,
    out_of_order=0,
)
FULL_SPEED = replace(
    REPORT,
    requested_speed=inf,
    achieved_speed=52_000.0,
    lateness_p50=None,
    lateness_p99=None,
    lateness_max=None,
)


def test_the_final_line() -> None:
    assert REPORT.sentence() == (
        "Replayed 11,394 records in 12.2 s at 9.991x (asked for 10x), lateness p50 0.08 ms, p99 "
        "0.31 ms, max 4.20 ms, missed 0, out of order 0; they are in het.replay.night."
    )


def test_the_final_line_at_full_speed_promises_no_deadlines() -> None:
    assert (
        "at 52,000x (asked for max), no deadlines, missed 0, out of order 0;"
        in FULL_SPEED.sentence()
    )


def test_the_final_line_of_one_record_knows_no_speed() -> None:
    report = replace(FULL_SPEED, records=1, last_time=FULL_SPEED.first_time, achieved_speed=0.0)
    assert report.sentence() == (
        "Replayed 1 record in 12.2 s (asked for max), no deadlines, missed 0, out of order 0; it "
        "is in het.replay.night."
    )


def test_a_speed_has_few_digits() -> None:
    assert [factor(speed) for speed in (1e300, 1e9, 999_999_999.0)] == [
        "1e+300x",
        "1e+09x",
        "999,999,999x",
    ]


def test_the_final_line_of_a_stopped_replay_says_so() -> None:
    sentence = replace(REPORT, complete=False).sentence()
    assert sentence.startswith("Stopped: replayed 11,394 records")
    assert sentence.endswith("The window is incomplete.")


def test_a_program_gets_every_figure() -> None:
    found = orjson.loads(orjson.dumps(REPORT.as_json()))
    assert found["first_time"] == "2023-11-14T22:13:20.000000Z"
    assert (found["requested_speed"], found["lateness_p99"]) == (10.0, 0.312)
    assert orjson.loads(orjson.dumps(FULL_SPEED.as_json()))["requested_speed"] == "max"


def test_a_replay_stopped_before_its_first_record_has_no_times() -> None:
    found = replace(REPORT, first_time=None, last_time=None, records=0).as_json()
    assert (found["first_time"], found["last_time"]) == (None, None)


def test_the_log_gets_an_event() -> None:
    event = FULL_SPEED.as_event(now=5)
    assert (event.time, event.replay, event.records) == (5, "night", 11_394)
    assert (event.requested_speed, event.lateness_max) == (inf, 0.0)


def test_holes_are_told_everywhere() -> None:
    report = replace(REPORT, holes=["alerts[2]@0 to 99"])
    assert "out of order 0, holes alerts[2]@0 to 99; they" in report.sentence()
    assert report.as_json()["holes"] == report.as_event(now=5).holes == ["alerts[2]@0 to 99"]


@pytest.mark.parametrize("text", ["312us", "0.5ms", "1"])
def test_a_limit_of_lateness_that_was_kept(text: str) -> None:
    LatenessLimit.of(text, 10.0).check(REPORT)


def test_a_limit_of_lateness_that_was_not_kept_names_both_figures() -> None:
    with pytest.raises(TooLate, match=r"p99 is 0.312 ms, and --require-lateness allows 0.3 ms"):
        LatenessLimit.of("0.3ms", 10.0).check(REPORT)


def test_at_full_speed_nothing_can_be_late() -> None:
    with pytest.raises(NoDeadlines, match="needs deadlines"):
        LatenessLimit.of("5ms", inf)
