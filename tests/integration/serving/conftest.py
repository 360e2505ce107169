"""A site with a telescope that falls silent, on both logs and both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.clock import fresh_id
from infra.kafka.standing import Standing
from tests.e2e.stage import Stage, on_stage
from tests.integration.serving.silent_telescope import ALLOWED_S, Telescope


@pytest.fixture(params=["embedded-sqlite", "kafka-mariadb"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A site of its own; `silence.after` is ALLOWED_S."""
    silence = {"after": ALLOWED_S}
    if request.param == "embedded-sqlite":
        with on_stage(tmp_path, silence=silence) as stage:
            yield stage
        return
    servers: Standing = request.getfixturevalue("kafka_servers")
    log = {"bootstrap_servers": servers.bootstrap_servers, "namespace": f"t{fresh_id()[:12]}"}
    database = {"url": request.getfixturevalue("mariadb_url")}
    stage = Stage(tmp_path, log=log, database=database, silence=silence)
    yield stage
    stage.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Stage]:
    """A site on the embedded log and SQLite."""
    with on_stage(tmp_path, silence={"after": ALLOWED_S}) as stage:
        yield stage


@pytest.fixture
def telescope(stage: Stage) -> Telescope:
    """Who speaks at the site."""
    return Telescope(stage.cluster)


@pytest.fixture(autouse=True)
def _no_broker_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    control.stop(tmp_path / "log")
