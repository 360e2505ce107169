"""A replay's namespace can be named wherever a namespace can."""

from infra.replay.namespace import fresh_replay_id
from infra.settings import load


def test_a_replay_s_namespace_is_one_that_settings_take() -> None:
    namespace = f"replay.{fresh_replay_id()}."
    options = {"log.namespace": namespace}
    assert load(None, None, options, {}).settings.log.namespace == namespace
