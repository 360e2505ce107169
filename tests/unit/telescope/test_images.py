"""The FITS files of a simulated night: each once, and whose they are."""

from pathlib import Path

import pytest

from infra.simulating.images import MARK, Images, ImagesOfAnother, NoPlaceForImages
from schemas.events.shots import ExposureFinished, ExposureStarted, ShotRequested
from schemas.utc import parse
from tests.unit.orchestrator.story import order_by_hand

BEGUN = parse("2019-03-07T03:00:00Z")


def write(images: Images) -> None:
    """Let an exposure be made."""
    order = order_by_hand()
    images.hear("1", ShotRequested(BEGUN, order, BEGUN))
    images.say(ExposureStarted(BEGUN, "1", order, 1, 360.0))
    images.say(ExposureFinished(BEGUN, "1", order, 1, 360.0))


def test_what_is_there_is_left_and_what_is_empty_is_written_again(tmp_path: Path) -> None:
    write(Images(tmp_path, 1, "sim.a 1"))
    made = {path: path.read_bytes() for path in tmp_path.rglob("*.fits")}
    assert len(made) == 4
    kept, empty = sorted(made)[:2]
    kept.write_bytes(b"altered")
    write(Images(tmp_path, 1, "sim.a 1"))
    assert kept.read_bytes() == b"altered"
    empty.write_bytes(b"")  # by a power cut
    write(Images(tmp_path, 1, "sim.a 1"))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.fits")} == made


def test_a_folder_has_the_files_of_one_simulation(tmp_path: Path) -> None:
    Images(tmp_path, 1, "sim.refused 1")  # it has written nothing
    other = Images(tmp_path, 2, "sim.b 2")
    (tmp_path / MARK).touch()  # by a power cut
    write(Images(tmp_path, 1, "sim.a 1"))
    with pytest.raises(ImagesOfAnother, match=r"another simulation \(sim\.a 1, says .*simulation"):
        Images(tmp_path, 1, "sim.a 2")
    with pytest.raises(ImagesOfAnother):  # both began in an empty folder
        write(other)
    (tmp_path / MARK).unlink()
    (tmp_path / MARK).mkdir()
    with pytest.raises(NoPlaceForImages):
        Images(tmp_path, 1, "sim.a 1")
