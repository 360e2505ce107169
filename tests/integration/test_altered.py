"""Bytes that a disk altered behind the broker's back are never taken for records."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.log import reading
from infra.log.cluster import Cluster, connect
from infra.log.errors import LogAltered
from infra.settings import Settings
from infra.signals import Stop
from infra.tailing.following import following
from tests.integration.replay_log import MIDNIGHT, publish

PLACE = ("observatory", 0)


def fixed(cluster: Cluster) -> Iterator[list[reading.Message]]:
    """Read what the log holds."""
    yield from reading.messages(cluster, {PLACE: [reading.whole(cluster, [PLACE])[PLACE]]})


def followed(cluster: Cluster) -> Iterator[list[reading.Message]]:
    """Read what comes, from the log's beginning."""
    stop = Stop()
    try:
        yield from following(cluster, {PLACE: 0}, stop)
    finally:
        stop.close()


@pytest.mark.parametrize("read", [fixed, followed])
def test_an_altered_byte_is_an_error_that_says_where(
    tmp_path: Path, read: Callable[[Cluster], Iterator[list[reading.Message]]]
) -> None:
    settings = Settings.model_validate({"log": {"data_dir": str(tmp_path)}})
    try:
        for source in ("first", "second"):
            publish(connect(settings), [MIDNIGHT], source)
        control.stop(tmp_path)
        segment = tmp_path / "observatory-0" / f"{0:020d}.log"
        data = bytearray(segment.read_bytes())
        data[-20] ^= 1
        segment.write_bytes(data)
        got: list[int] = []
        with pytest.raises(LogAltered, match=r"The batch at observatory\[0\]@1 was altered"):
            got.extend(m.offset() for batch in read(connect(settings)) for m in batch)
        assert got in ([], [0])
    finally:
        control.stop(tmp_path)
