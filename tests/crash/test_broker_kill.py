"""The broker is killed under load, again and again, and left with torn tails: no record is lost.

`make crash` does it five hundred times, beside a log of some GB.
"""

from pathlib import Path
from statistics import median

import pytest

from tests.crash import campaign

ROUNDS = 20


@pytest.mark.slow
def test_every_acknowledged_record_is_there_once_and_in_order(tmp_path: Path) -> None:
    result = campaign.run(tmp_path / "log", seed=1, rounds=ROUNDS, history_bytes=200_000_000)
    assert result.rounds == ROUNDS
    assert result.is_clean, f"\n{result}"
    assert median(result.opening_s) < 2, (
        "the bar of 0.5 s is the campaign's: here all tests run at once, and a disk may stall"
    )
