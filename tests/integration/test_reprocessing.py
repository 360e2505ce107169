"""A night gone through again: as it was with the same code, and differences named with another."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from consumers import Service, silence
from infra.cli.viewing import chosen_views
from infra.indexing import night_index, open_database
from infra.log.registry import Registry
from infra.projecting.judging import Verifying
from infra.quarantine.errors import BadRecord
from infra.quarantine.fates import Fates
from infra.reprocessing.against_live import AgainstLive, Compared
from infra.reprocessing.part import part_of
from infra.reprocessing.running import Done, Reprocessing, Stopped, Wish
from infra.reprocessing.tables import new_file
from infra.serving.comparing import Comparison, Only
from infra.serving.shelved import Shelved
from schemas.events.notices import NoticeRequested
from schemas.events.silence import SystemFellSilent
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, on_stage
from tests.integration.decided_night import (
    AFTER_S,
    NIGHT,
    NIGHT_BEFORE,
    SECTIONS,
    asked,
    decide,
    decided_night,
    on_log,
    unasked,
)
from tests.integration.replay_log import MIDNIGHT, publish, send_foreign


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site with a decided night, on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}, **SECTIONS) as stage:
        decided_night(stage)
        yield stage


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Iterator[Stage]:
    """A site on SQLite with an empty log."""
    with on_stage(tmp_path / "site", database={"url": sqlite_url}, **SECTIONS) as stage:
        yield stage


class Again:
    """A part of a site's log gone through again in this process."""

    def __init__(self, stage: Stage, *words: str, services: Sequence[Service[Any]] | None = None):
        self.cluster, self.site = stage.cluster, stage.settings
        self.registry = Registry(self.cluster)
        self.file = stage.folder / "again.sqlite"
        index = night_index(self.cluster, self.site)
        self.part = part_of(index, words or (NIGHT,), None, None)
        self.services = [silence.service()] if services is None else services

    def run(self, *, stopped: bool = False) -> list[Compared]:
        """Return the tables compared with the live ones; `done` has the rest."""
        wish = Wish(self.part, chosen_views(self.site, []), self.services, {}, 100)
        judge = Verifying(Fates(self.cluster, self.registry), self.cluster.namespace)
        live = open_database(self.site)
        with new_file(self.file, live, overwrite=True) as database, unasked() as stop:
            shelved = Shelved(self.cluster, self.site.seals.directory)
            work = Reprocessing(self.cluster, self.registry, wish, shelved)
            if stopped:
                asked(stop)
            self.done: Done = work.run(database, judge, stop, lambda _: None)
            against = AgainstLive(self.cluster, self.registry, live, self.part, 0.0)
            found = list(against.compared(self.done.stores))
            work.close()
        live.close()
        return found

    @property
    def comparison(self) -> Comparison:
        return self.done.comparison


def test_a_night_is_as_it_was(either: Stage) -> None:
    before = on_log(either.cluster)
    file = either.folder / "again.sqlite"
    said = json.loads(either.done("reprocess", NIGHT, "--to", file, "--json"))

    assert said["agrees"], said
    assert said["decisions"]["same"] == said["decisions"]["recorded"] == said["decisions"]["new"]
    assert said["decisions"]["same"] >= 20
    compared = {one["view"]: one["agrees"] for one in said["views"]}
    assert [view for view, agrees in compared.items() if agrees is None] == [
        "quarantine",
        "tcs_latest",
    ]
    assert all(agrees for view, agrees in compared.items() if agrees is not None)
    with closing(sqlite3.connect(file)) as tables:
        (records,) = tables.execute("SELECT records FROM night_summary").fetchone()
    assert records == said["records"] < said["read"]
    assert on_log(either.cluster) == before
    assert sorted(path.name for path in either.folder.glob("again*")) == ["again.sqlite"]

    whole = {(one.view, one.differs, one.why_not) for one in Again(either, "all").run()}
    assert whole == {(view, False, "") for view in either.views}
    refused = either.evctl("reprocess", NIGHT, "--to", file)
    assert (refused.code, "--overwrite" in refused.sentence) == (73, True)


def test_other_settings_and_other_code_are_named(stage: Stage) -> None:
    decided_night(stage)
    stricter = stage.also("stricter", silence={"after": AFTER_S - 2})
    words = ("reprocess", NIGHT, "--to", stage.folder / "s.sqlite", "--settings", "present")
    result = stricter.evctl(*words)
    assert (result.code, result.err) == (1, "")
    assert "only recorded" in result.out
    assert "DIFFERENT" not in result.out.partition("tcs_events")[2].splitlines()[0]
    assert stricter.evctl(*words, "--overwrite", "--allow-differences").code == 0

    recorded = stricter.done("reprocess", NIGHT, "--to", stage.folder / "r.sqlite")
    assert "the same as recorded" in recorded
    assert "--settings present" in recorded

    again = Again(stage, services=[replace(silence.service(), decide=louder)])
    again.run()
    counts = again.comparison.counts
    assert counts[Only.BOTH] > 0
    assert counts[Only.NEW] == counts[Only.RECORDED] == 0
    assert {tuple(one.fields) for one in again.comparison.shown} == {("subject",)}

    again = Again(stage, services=[replace(silence.service(), decide=deaf)])
    tables = again.run()
    assert again.comparison.counts[Only.RECORDED] == again.comparison.recorded > 0
    assert [one.view for one in tables if one.differs] == ["night_index", "night_summary"]


def test_what_services_knew_is_read_from_a_seal_on(stage: Stage) -> None:
    def sealed() -> None:
        decide(stage)
        stage.done("run", "projections", "--once")
        stage.done("seal", NIGHT_BEFORE)

    def read(*words: str) -> int:
        file = stage.folder / "again.sqlite"
        said = json.loads(
            stage.done("reprocess", NIGHT, "--to", file, "--overwrite", "--json", *words)
        )
        assert said["agrees"]
        assert said["decisions"]["same"] >= 20
        return int(said["read"])

    decided_night(stage, sealed)
    whole = read("--from-zero")
    assert read() < whole
    (seats,) = stage.settings.seals.directory.glob("*/*/seats.json")
    seats.write_text(seats.read_text().replace("silence", "s1lence"))
    assert read() == whole


def louder(state: Any, record: AnyRecord) -> Sequence[Any]:
    """Decide as `silence` does, and ask for other words."""
    return [
        replace(event, subject=event.subject.upper())
        if isinstance(event, NoticeRequested)
        else event
        for event in silence.decide(state, record)
    ]


def deaf(_: Any, __: AnyRecord) -> Sequence[Any]:
    """Decide nothing."""
    return []


def failing(state: Any, record: AnyRecord) -> Sequence[Any]:
    """Decide as `silence` does, and fail where a system falls silent."""
    events = silence.decide(state, record)
    if any(isinstance(event, SystemFellSilent) for event in events):
        raise ValueError("no")
    return events


def test_code_that_fails_and_a_view_that_is_behind_are_said(stage: Stage) -> None:
    decided_night(stage)
    again = Again(stage, services=[replace(silence.service(), decide=failing)])
    again.run()
    assert "ValueError: no" in "\n".join(again.comparison.lines())

    publish(stage.cluster, [MIDNIGHT + 1])
    decide(stage)
    again = Again(stage)
    behind = {one.why_not.partition(" (")[0] for one in again.run() if one.view == "tcs_events"}
    assert behind == {"tcs_events is behind the log"}
    assert again.comparison.agrees


def test_a_record_in_quarantine_is_passed_over_and_any_other_is_named(stage: Stage) -> None:
    publish(stage.cluster, (MIDNIGHT + n for n in range(20)))
    send_foreign(stage.cluster, [(0, MIDNIGHT // 1000, b"no Avro")])
    with pytest.raises(BadRecord, match=r"alerts\[0\]@0"):
        Again(stage).run()
    assert not list(stage.folder.glob("again*"))
    stage.done("run", "projections", "--once")
    assert [one.view for one in Again(stage).run() if one.differs] == []


def test_what_the_log_has_lost_is_named(stage: Stage) -> None:
    publish(stage.cluster, range(MIDNIGHT, MIDNIGHT + 20))
    stage.done("run", "projections", "--once")
    name = OBSERVATORY.full_name(stage.cluster.namespace)
    deleted = stage.cluster.admin().delete_records([TopicPartition(name, 0, 8)])
    for future in deleted.values():
        future.result()
    lost = f"{name}[0]@0 to 7"
    refused = stage.evctl("reprocess", NIGHT, "--to", "again.sqlite")
    assert (refused.code, list(stage.folder.glob("again*"))) == (65, [])
    assert f"the night {NIGHT} the log has lost {lost}" in refused.sentence
    left = stage.evctl("reprocess", NIGHT, "--to", "again.sqlite", "--allow-holes", "--json")
    assert (left.code, json.loads(left.out)["records"]) == (1, 12)
    assert f"note: the log has lost {lost}" in left.err


def test_bad_input_gets_a_sentence_and_what_is_stopped_leaves_nothing(stage: Stage) -> None:
    publish(stage.cluster, [MIDNIGHT])
    live = stage.settings.database.url.removeprefix("sqlite:///")
    refused: Sequence[tuple[Sequence[str], int, str]] = [
        (["--to", "again.sqlite"], 2, "Nothing is given"),
        (["2026-01-01", "--to", "again.sqlite"], 66, "the log has the night 2026-11-21"),
        (["--from", "2026-11-21T03:00", "--to", "again.sqlite"], 66, "lies in the time from 2026-"),
        ([NIGHT, "--to", "nowhere/again.sqlite"], 73, "its directory is missing"),
        (
            [NIGHT, "--to", "again.sqlite", "--service", "silense"],
            2,
            "known: listener, orchestrator, silence",
        ),
        ([NIGHT, "--to", "again.sqlite", "--service", "silence", "--no-services"], 2, "not both"),
        ([NIGHT, "--to", live, "--overwrite"], 73, "is the site's database"),
    ]
    for words, code, said in refused:
        result = stage.evctl("reprocess", *words)
        assert (result.code, result.out) == (code, "")
        assert said in result.sentence
    with pytest.raises(Stopped):
        Again(stage).run(stopped=True)
    assert not list(stage.folder.glob("again*"))
