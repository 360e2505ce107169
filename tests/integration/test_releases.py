"""What each release has left on the disk is read by today's code."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.log.decoding import Decoder
from infra.log.registry import Registry
from schemas.events.tcs import TcsEvent
from schemas.topics import ALERTS, OBSERVATORY
from tests.e2e.stage import Stage, on_stage
from tests.fixtures.make_release import DIGESTS, NIGHT
from tests.integration.replay_log import read

FIXTURES = Path(__file__).parents[1] / "fixtures"
RELEASES = sorted(FIXTURES.glob("release-*.tar.gz"))
MAX_BYTES = 1_000_000


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A copy of what a release has left, with a broker of today on it."""
    folder = tmp_path / "site"
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    with on_stage(folder) as stage:
        yield stage


def test_there_is_a_release_and_none_is_large() -> None:
    assert RELEASES
    assert all(path.stat().st_size < MAX_BYTES for path in RELEASES)


def test_upgrade_has_nothing_to_do(stage: Stage) -> None:
    said = stage.done("upgrade").splitlines()
    assert [line.rpartition(": ")[2] for line in said] == ["format 1, nothing to do"] * 2


def test_the_night_is_as_it_was_sealed(stage: Stage) -> None:
    said = json.loads(stage.done("verify", NIGHT, "--json"))
    assert said["agrees"]
    assert said["seal"]["findings"] == []
    assert json.loads(stage.done("verify", "all", "--json"))["agrees"]


def test_every_record_decodes(stage: Stage) -> None:
    cluster = stage.cluster
    decode = Decoder(Registry(cluster)).record
    events = [decode(message).event for message in read(cluster, OBSERVATORY)]
    assert len(events) > 1000
    assert {type(event) for event in events} == {TcsEvent}
    (packet,) = [decode(message).event for message in read(cluster, ALERTS)]
    assert (packet.schema_name, packet.fields) == ("Alert", {"candid": 42})


def test_the_tables_go_on_and_can_be_made_anew(stage: Stage) -> None:
    left = json.loads((stage.folder / DIGESTS).read_text(encoding="utf-8"))
    assert stage.done("run", "projections", "--once").startswith("0 records applied")
    assert {view: digest for view, digest in stage.digests().items() if view in left} == left
    stage.done("rebuild", *stage.views, "--from-zero")
    assert {view: digest for view, digest in stage.digests().items() if view in left} == left
