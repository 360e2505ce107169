"""Offsets that an open transaction may still commit."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.broker.errors import Code
from infra.broker.groups.offsets import Committed, CommittedOffsets
from infra.broker.handlers.offsets import offset_fetch


@pytest.mark.parametrize(
    ("stable", "told"), [(True, (Code.UNSTABLE_OFFSET_COMMIT, -1)), (False, (Code.NONE, 5))]
)
def test_who_asks_for_stable_offsets_is_told_to_wait(
    tmp_path: Path, stable: bool, told: tuple[Code, int]
) -> None:
    offsets = CommittedOffsets(tmp_path)
    offsets.commit([(("g", "t", 0), Committed(5)), (("g", "t", 1), Committed(6))])
    offsets.pending.update([("g", "t", 0)])
    request = SimpleNamespace(group_id="g", topics=None, require_stable=stable)
    broker: Any = SimpleNamespace(offsets=offsets)
    topics: Any = offset_fetch(broker, request)["topics"]
    first, second = topics[0]["partitions"]
    assert (first["error_code"], first["committed_offset"]) == told
    assert (second["error_code"], second["committed_offset"]) == (Code.NONE, 6)
