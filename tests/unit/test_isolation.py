"""The environment of the tests: nothing of the user's own."""

from pathlib import Path

import pytest

from infra.settings import load


def test_the_users_settings_and_log_are_out_of_reach(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = load()

    assert found.site_file is None
    assert found.settings.log.data_dir.is_relative_to(tmp_path_factory.getbasetemp())
