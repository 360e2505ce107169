"""What every test has: the project's folder, shared recordings, and an environment of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.require",
    "tests.database_servers",
    "tests.kafka_servers",
    "tests.registry_servers",
]
PROJECT_ROOT = Path(__file__).parents[1]
SHARED_DATA = os.environ.get("EVCTL_SHARED_DATA") or PROJECT_ROOT.parent / "shared" / "data"

settings.register_profile(
    "local", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of pyproject.toml."""
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recordings that are not part of the project: `../shared/data`, or EVCTL_SHARED_DATA."""
    folder = Path(SHARED_DATA)
    if not folder.is_dir():
        pytest.skip(f"needs shared-data: there is no folder {folder} (EVCTL_SHARED_DATA names it)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let nothing of the user be read or written: no site file, log, tables or home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith(("EVCTL_", "XDG_")) or name == "OCS_CONFIG_DIR":
                environment.delenv(name)
        environment.setenv("HOME", str(home))
        yield
