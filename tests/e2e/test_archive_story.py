"""A night is recorded, decided about, sealed and archived, and goes on living in another log."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from infra.archive import manifest
from infra.clock import utc_micros
from infra.database.seats import SeatStore
from infra.dying import VARIABLE, Point
from infra.indexing import nights_of, open_database
from infra.log.registry import Registry
from infra.serving import roles
from infra.serving.running import Server
from infra.signals import Stop
from producers import Entry
from producers.formats import writer_for
from schemas.events.notices import NoticeDelivered, NoticeExpired
from schemas.events.silence import SystemFellSilent
from schemas.record import AnyRecord
from schemas.restored import is_restored, original_source
from schemas.utc import MICROS
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.replay_log import send_foreign, tcs
from tests.integration.serving.silent_telescope import Telescope, observatory

EVENTS = 3_000
HOUR = 3600 * MICROS
SILENCES = 3


def serve(stage: Stage) -> None:
    """Let the services and workers handle what is on the log."""
    cluster, site = stage.cluster, stage.settings
    database = open_database(site)
    for name in ("silence", "notices"):
        seats, stop = SeatStore(database, cluster.namespace), Stop()
        seats.create()
        Server(cluster, Registry(cluster), seats, roles.cast(name, site)).once(stop)
        stop.close()
    database.close()


def by_id(stage: Stage) -> Mapping[UUID, AnyRecord]:
    """Return what readers heed of `observatory`, without what services say of themselves."""
    records = observatory(stage.cluster)
    own = {"ServiceTookOver", "SettingsTookEffect"}
    return {one.id: one for one in records if type(one.event).__name__ not in own}


def night_digests(stage: Stage, night: str) -> Mapping[str, str]:
    """Return the digests of the tables' rows of a night, but of those that name offsets."""
    found = stage.digests(stage.cluster.namespace, night)
    return {view: found[view] for view in found.keys() - {"night_index", "quarantine"}}


def test_a_night_goes_to_another_log_through_an_archive(tmp_path: Path) -> None:
    now = utc_micros()
    boundary = (now // HOUR + 12) % 24  # all of the story is in one night
    sections = {
        "site": {"night_boundary_hour": boundary, "night_named_by": "end"},
        "silence": {"after": 5.0},
    }
    restored = {**sections, "log": {"namespace": "restored"}}
    with (
        on_stage(tmp_path / "origin", **sections) as origin,
        on_stage(tmp_path / "target", **restored) as target,
    ):
        night = nights_of(origin.settings).name(now)
        folder = tmp_path / "archive" / night
        live_one_night(origin)
        origin.done("seal", night)
        said = origin.done("export", night, "--to", folder, "--format", "archive")
        assert said.endswith(" bytes, as sealed (version 1)\n")
        records = f"{manifest.read(folder).records:,}"
        first = by_id(origin)

        killed = ended(target.start("import", folder, **{VARIABLE: Point.RESTORE_BATCH}))
        assert killed.code == -signal.SIGKILL
        assert 0 < len(by_id(target)) < len(first)
        assert " were on the log already" in target.done("import", folder)
        see_as_they_were(first, by_id(target))
        target.done("run", "projections", "--once")
        said = target.done("import", folder)
        assert said == f"{folder}: 0 records of {night} added, {records} were on the log already\n"
        assert night_digests(target, night) == night_digests(origin, night)
        assert json.loads(target.done("verify", night, "--json"))["agrees"]

        served = target.also("served", log={"namespace": "served"})
        serve(served)
        assert f"{records} records of {night} added" in served.done("import", folder)
        serve(served)
        see_as_they_were(first, by_id(served))


def live_one_night(stage: Stage) -> None:
    """Import a recording, let systems fall silent, and people be told of it."""
    serve(stage)
    recording = stage.folder / "night.jsonl"
    with writer_for("jsonl")(recording) as writer:
        for number in range(EVENTS):
            writer.add(Entry(tcs(utc_micros(), f"k{number % 7}"), None, number))
    stage.done("import", recording)
    send_foreign(stage.cluster, [(1, utc_micros() // 1000, b"no Avro")])  # in no table
    Telescope(stage.cluster).fall_silent(SILENCES)
    serve(stage)
    events = [type(one.event) for one in by_id(stage).values()]
    assert events.count(SystemFellSilent) == events.count(NoticeDelivered) == SILENCES
    stage.done("run", "projections", "--once")


def see_as_they_were(first: Mapping[UUID, AnyRecord], then: Mapping[UUID, AnyRecord]) -> None:
    """See that nothing was lost, changed, decided or delivered again."""
    assert list(then) == list(first)
    for identity, record in then.items():
        was = first[identity]
        assert is_restored(record.provenance)
        assert record.event == was.event
        assert (record.key, record.time) == (was.key, was.time)
        assert original_source(record.provenance.source) == was.provenance.source
        assert (record.provenance.cause, record.provenance.epoch) == (
            was.provenance.cause,
            was.provenance.epoch,
        )
    assert not any(isinstance(one.event, NoticeExpired) for one in then.values())
