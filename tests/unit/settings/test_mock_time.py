"""`dates.mock_time` as people write it, and where it counts."""

from pathlib import Path

import pytest

from infra.mocking import (
    Mock,
    MockTimeMissing,
    MockTimeRefused,
    ReplayHasItsClock,
    counts,
    mock_of_tick,
    unheeded,
)
from infra.namespaces import mock_of, replay_of
from infra.settings import Settings, SettingsError, load
from schemas import utc
from schemas.events.ticks import TimePassed

MOCK_TIME = "2017-11-18T18:00:00"
START = utc.parse(MOCK_TIME)
HOUR = 3600 * utc.MICROS


def given(text: str) -> Settings:
    return load(options={}, environ={"EVCTL_DATES__MOCK_TIME": text}).settings


def site(namespace: str, mock_time: str | None = MOCK_TIME) -> Settings:
    sections = {"log": {"namespace": namespace}, "dates": {"mock_time": mock_time}}
    return Settings.model_validate(sections)


@pytest.mark.parametrize(
    "text",
    [
        "2017-11-18T18:00:00",
        "2017-11-18 18:00:00Z",
        "2017-11-18T12:00:00-06:00",
        "2458076.25",
        "mjd 58075.75",
        "2017:322:18:00:00",
        "'2017-11-18T18:00'",
    ],
)
def test_a_site_file_has_it_in_any_form_that_astropy_parses(text: str, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(f"dates:\n  mock_time: {text}\n", encoding="utf-8")
    found = load(file, environ={}).settings.dates.mock_time

    assert found is not None
    assert utc.parse(found) == START


def test_a_decimal_year_and_a_date_are_instants_too() -> None:
    year, day = given("decimalyear 2017.88"), given("2017-11-18")
    assert utc.parse(str(year.dates.mock_time)) == utc.parse("2017-11-18T04:48")
    assert utc.parse(str(day.dates.mock_time)) == START - 18 * HOUR


@pytest.mark.parametrize(
    "text", ["full moon", "58075.75", "2017.88", "20171118", "true", "jd 9999999"]
)
def test_what_is_none_is_told(text: str) -> None:
    told = rf"dates\.mock_time: '{text}' is not allowed \(not an instant\); allowed: an instant"
    with pytest.raises(SettingsError, match=told):
        given(text)


@pytest.mark.parametrize(
    ("namespace", "replay", "mock"),
    [
        ("", None, None),
        ("het.", None, None),
        ("mock.", None, None),
        ("mockery.first.", None, None),
        ("mock.first.", None, "first"),
        ("het.mock.first.", None, "first"),
        ("replay.first.", "first", None),
        ("het.replay.first.", "first", None),
        ("replay.first.replay.second.", "second", None),
        ("mock.first.replay.second.", "second", None),
        ("replay.first.mock.second.", "first", None),
        ("replay.", "", None),
    ],
)
def test_a_namespace_says_whose_time_is_in_it(
    namespace: str, replay: str | None, mock: str | None
) -> None:
    assert (replay_of(namespace), mock_of(namespace)) == (replay, mock)


def test_it_counts_in_a_namespace_of_its_own_only() -> None:
    own, replay, het = site("mock.first."), site("replay.first."), site("het.")

    for ticks in (True, False):
        assert counts(own, ticks=ticks)
        assert not counts(site("het.", None), ticks=ticks)
        with pytest.raises(MockTimeRefused, match=r"such as --namespace het\.mock\.first, or"):
            counts(het, ticks=ticks)
    assert not counts(replay, ticks=False)
    assert not counts(site("mock.first.", None), ticks=False)
    with pytest.raises(ReplayHasItsClock):
        counts(replay, ticks=True)
    with pytest.raises(MockTimeMissing):
        counts(site("mock.first.", None), ticks=True)
    assert unheeded(own) is None
    assert unheeded(site("het.", None)) is None
    assert "the replay's clock rules" in str(unheeded(replay))
    assert "is no place for it" in str(unheeded(het))


def test_it_runs_as_the_true_time_does() -> None:
    true = utc.parse("2026-11-26T03:00:00")
    tick = Mock(START, START - true).tick(true + HOUR)

    assert (tick.time, tick.mock_time) == (true + HOUR, START)
    assert utc.julian_date(tick.now) == pytest.approx(2458076.291667, abs=5e-7)
    assert mock_of_tick(tick) == Mock(START, START - true)
    assert TimePassed(true).now == true
    assert mock_of_tick(TimePassed(true)) is mock_of_tick(None) is None
