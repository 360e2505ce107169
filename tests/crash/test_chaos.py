"""Everything is killed under load, on both sites: nothing is lost, doubled or done twice.

`make chaos` does it a thousand times on each.
"""

from pathlib import Path

import pytest

from tests.crash.chaos import campaign
from tests.crash.chaos.sites import SITES

KILLS = 60


@pytest.mark.slow
@pytest.mark.timeout(1200)  # of which an eighth is needed where nothing else runs
@pytest.mark.parametrize("name", SITES)
def test_whatever_dies_each_record_counts_once(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "kafka-mariadb":
        request.getfixturevalue("kafka_libs")  # or the test is skipped, with the reason
    result = campaign.run(tmp_path / "c", SITES[name], seed=4, kills=KILLS, between=30)
    assert result.is_clean, f"\n{result}"
    assert sum(result.kills.values()) >= KILLS
    assert result.digests == "equal"
