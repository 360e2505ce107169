"""What shuffle has prepared for a shot is found by its names, or it is said what is missing."""

from pathlib import Path

import pytest

from consumers.shots import ShotFailed
from infra.telescope.shot_files import values_of, words_of
from tests.unit.shots.trial import files, order


def prepared(folder: Path, text: str) -> Path:
    """Prepare the commands of the shot."""
    (folder / "HETcommands").mkdir(parents=True)
    (folder / "HETcommands" / "HS0050_000_W.hetcommands").write_text(text)
    return folder


def test_commands_a_line_each_without_comments(tmp_path: Path) -> None:
    text = "# set-up\n\nsyscmd -T 'load(ra=1, dec=2)'  # the track\nguide 'find # 1'\n"
    found = files(shuffle=prepared(tmp_path, text)).commands(order())

    assert [words_of(line) for line in found] == [
        ["-T", "load(ra=1, dec=2)"],
        ["guide", "find # 1"],
    ]


def test_an_order_s_own_names_win(tmp_path: Path) -> None:
    (tmp_path / "mine.hetcommands").write_text("go")
    own = order(shuffle_shot=str(tmp_path), shuffle_conf_template="mine")

    assert files(shuffle=tmp_path / "nowhere").commands(own) == ["go"]
    assert files().commands(order()) == []  # the simulated telescope needs none


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"metadata": {}},
            r"run_shot.shuffle_conf_template needs \{QIFU\}, which the shot has not",
        ),
        ({"shuffle_conf_template": "{"}, "can't be filled in"),
        ({"track": 0}, "HS0050_000_E.hetcommands can't be read: .*No such file"),
    ],
)
def test_commands_that_are_not_there(given: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ShotFailed, match=said) as found:
        files(shuffle=prepared(tmp_path, "go")).commands(order(**given))
    assert found.value.kind == "SetupFailed"


def test_a_line_that_is_no_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShotFailed, match=r"HS0050_000_W\.hetcommands:2: No closing quotation"):
        files(shuffle=prepared(tmp_path, "go\ngo 'there\n")).commands(order())


def test_the_acquisition_image_is_copied(tmp_path: Path) -> None:
    (tmp_path / "acam_images").mkdir()
    image = tmp_path / "acam_images" / "HS0050_000_W.jpg"
    image.write_bytes(b"stars")
    files(shuffle=tmp_path, acam_dest_file=tmp_path / "acam.jpg").copy_image(order())
    assert (tmp_path / "acam.jpg").read_bytes() == b"stars"

    files(shuffle=tmp_path).copy_image(order())  # nobody wants it
    image.unlink()
    with pytest.raises(ShotFailed, match=r"HS0050_000_W.jpg can't be copied to .*acam.jpg"):
        files(shuffle=tmp_path, acam_dest_file=tmp_path / "acam.jpg").copy_image(order())


def test_metadata_do_not_hide_the_shot_s_own_values() -> None:
    found = values_of(order(metadata={"shotid": "mine", "QIFU": "000"}))
    assert (found["shotid"], found["QIFU"], found["track_name"]) == ("HS0050", "000", "WEST")
