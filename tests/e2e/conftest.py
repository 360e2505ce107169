"""What end-to-end tests have: a site of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, on_stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A site with a running log and SQLite; no process of it outlives the test."""
    with on_stage(tmp_path) as stage:
        yield stage
