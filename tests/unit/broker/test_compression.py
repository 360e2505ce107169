"""Records are decompressed up to a limit, whatever a client sends."""

import cramjam
import pytest

from infra.broker.storage import compression
from infra.broker.storage.compression import compress, decompress

CODECS = [1, 2, 3, 4]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 1, 1000, 1_000_000])
def test_what_was_compressed_comes_back(codec: int, size: int) -> None:
    assert decompress(codec, compress(codec, b"a" * size)) == b"a" * size


@pytest.mark.parametrize("codec", CODECS)
def test_more_than_the_limit_is_refused(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MOST", 1 << 20)
    with pytest.raises(ValueError, match=r"whole buffer|are allowed"):
        decompress(codec, compress(codec, bytes(3 << 20)))


def test_blocks_of_snappy_share_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MOST", 1 << 20)
    block = bytes(cramjam.snappy.compress_raw(bytes(600_000)))
    framed = b"\x82SNAPPY\x00" + bytes(8) + 2 * (len(block).to_bytes(4, "big") + block)
    with pytest.raises(ValueError, match="are allowed"):
        decompress(2, framed)
