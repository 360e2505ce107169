"""The demonstration's site is its own, whatever the user's environment says."""

from pathlib import Path

import pytest

from infra.demonstrating.stage import Stage as Demonstration
from infra.log import topics
from tests.e2e.stage import on_stage

NIGHT = Path(__file__).parents[2] / "examples" / "short-night.jsonl"


def test_nothing_of_the_user_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_stage(tmp_path / "user") as user:
        monkeypatch.setenv("EVCTL_LOG__DATA_DIR", str(user.settings.log.data_dir))
        monkeypatch.setenv("EVCTL_LOG__NAMESPACE", "het")
        monkeypatch.setenv("EVCTL_DATABASE__URL", user.settings.database.url)
        monkeypatch.setenv("OCS_CONFIG_DIR", str(user.folder))
        (tmp_path / "demo").mkdir()
        shown = Demonstration(tmp_path / "demo")
        try:
            shown.run("import", str(NIGHT))
            shown.run("run", "projections", "--once")
        finally:
            shown.close()
        assert user.broker is not None
        assert topics.existing(user.cluster) == []
        assert not any(user.store(view, "het.").exists() for view in user.views)
