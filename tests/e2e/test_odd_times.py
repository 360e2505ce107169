"""Events of times that nobody expects: before 1970, and of no year that a calendar has."""

import pytest

from infra.log.registry import Registry
from infra.log.writing import Publisher
from producers.formats import open_recording
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage

LINE = (
    '{{"__system":"a","__source":"b","__key":"c","__data_time":"{0}","__wire_time":"{0}",'
    '"__data":false,"v":1}}\n'
)


def test_an_event_before_1970_is_added_once_and_found_in_its_night(stage: Stage) -> None:
    path = stage.folder / "moon.jsonl"
    path.write_text(LINE.format("1969-07-20T20:17:40Z"))
    assert ": 1 event added (" in stage.done("import", path)
    assert ": 0 events added, 1 was on the log already (" in stage.done("import", path)
    stage.done("run", "projections", "--once")
    assert ": 0 events added, 1 was on the log already (" in stage.done("import", path)
    stage.done("export", "1969-07-21", "--to", stage.folder / "out.jsonl")
    assert len(list(open_recording(stage.folder / "out.jsonl").entries())) == 1


def test_a_time_that_no_calendar_has_is_refused_where_it_enters(stage: Stage) -> None:
    path = stage.folder / "ms.jsonl"
    path.write_text(LINE.format(1763604001149))
    refused = stage.evctl("import", path)
    assert refused.code == 65
    assert "ms.jsonl:1: field __data_time: '1763604001149' is not in the years" in refused.sentence
    words = ["system=a", "source=b", "key=c", "more_data=false", "data_time=1763604001149474000"]
    refused = stage.evctl("publish", "observatory", "--event", "TcsEvent", *words)
    assert refused.code == 65
    assert "field data_time: 1763604001149474000 is not in the years 1 to 9999" in refused.sentence


@pytest.mark.parametrize("time", [1_763_604_001_149_474_000, -(2**62)])
def test_a_time_that_no_calendar_has_does_no_harm_on_the_log(stage: Stage, time: int) -> None:
    publisher = Publisher(stage.cluster, Registry(stage.cluster), OBSERVATORY, "old")
    for when in (time, 1_763_604_001_149_474):
        publisher.publish(TcsEvent(when, when, "a", "b", "c", False, {}, {}))
    publisher.flush()
    stage.done("run", "projections", "--once")
    assert stage.rows("SELECT count(*) FROM night_summary") == [(2,)]
    stage.done("replay", "--all", "--speed", "max", "--id", "odd")
    stage.done("replay", "--night", "2025-11-20", "--speed", "max", "--id", "even")
    stage.done("--namespace", "replay.odd.", "run", "projections", "--once")
    assert '"agrees": true' in stage.done("verify", "all", "--json")
