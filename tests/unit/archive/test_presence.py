"""What a log has already of an archive's night, noted in a file."""

import resource
from itertools import count

import pytest

from infra.archive import presence
from infra.archive.errors import NoRoomToCompare
from infra.archive.presence import Presence


def fill(there: Presence) -> None:
    for number in count():
        there.add(number.to_bytes(16), bytes(100), "observatory[0]@1")


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_CACHE_KIB", 16)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    there = Presence()
    try:
        with pytest.raises(NoRoomToCompare, match="There is no room to note what the log has"):
            fill(there)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        there.close()
