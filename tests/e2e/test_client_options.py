"""Options of `log.client` that librdkafka refuses are faults of the settings, named as given."""

from pathlib import Path

import pytest

from infra.log.cluster import Cluster
from infra.settings import SettingsError
from tests.e2e.stage import Stage

REFUSED = [
    ("foo", 1, "No such configuration property"),
    ("linger.ms", "abc", "Invalid value"),
    ("acks", 0, "`acks` must be set to `all`"),
    ("message.timeout.ms", "abc", "is no whole number of ms"),
    ("enable.idempotence", "false", "requires"),
]


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_an_option_that_no_client_takes_is_named(name: str, value: object, reason: str) -> None:
    cluster = Cluster("127.0.0.1:1", "", {"client.id": "x", name: value})
    with pytest.raises(SettingsError, match=rf"^log\.client\.{name}: .*{reason}"):
        cluster.try_options()


def test_it_is_told_by_the_check_and_by_commands(tmp_path: Path) -> None:
    stage = Stage(tmp_path, log={"client": {"linger.ms": "abc"}})
    try:
        for words in (["config", "check"], ["topic", "list"]):
            refused = stage.evctl(*words)
            assert refused.code == 78
            assert refused.sentence.startswith("evctl: log.client.linger.ms: Invalid value")
    finally:
        stage.close()
