"""Ten thousand frames that no client would send; `make fuzz` sends a hundred thousand."""

from pathlib import Path

import pytest

from tests.crash.fuzz import fuzz


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_any_frames_leave_the_broker_serving(tmp_path: Path, seed: int) -> None:
    outcome = fuzz(tmp_path / "log", seed, 5000)
    assert outcome.frames == 5000
    assert all(outcome.kinds[kind] > 500 for kind in ("valid", "spoiled", "garbage", "length"))
