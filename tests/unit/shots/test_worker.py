"""A shot's steps, in their order, to whichever end."""

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from consumers import Refused, Ticket
from consumers.shots import Exposure, Found, ShotFailed
from infra.telescope.simulated import Manner
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotAbortRequested,
    ShotFinished,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.record import Position, Provenance, Record
from tests.unit.shots.trial import BEGUN, Trial, files, order, request

TICKET = Ticket(request().id, 1)
EXPOSURES = [kind for _ in range(3) for kind in (ExposureStarted, ExposureFinished)]
IN_ORDER = [TelescopeSetupStarted, TelescopeSetupFinished, *EXPOSURES]


def test_a_good_shot_is_told_in_its_order_and_leaves_files(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "telescope", port_files=files(tmp_path / "data"))

    came = trial.carry_out(request())

    assert [type(event) for event in trial.told] == IN_ORDER
    assert {event.request for event in trial.told} == {came.request} == {str(request().id)}
    assert (came.error, came.step, came.kind, came.reason, came.details) == (False, "", "", "", "")
    assert [e.seconds for e in trial.told if hasattr(e, "seconds")] == [
        *(360.0, 360.0, 361.0, 361.0, 362.0, 362.0)
    ]
    assert [e.files for e in trial.told if isinstance(e, ExposureFinished)] == [4, 4, 4]
    times = [event.time for event in trial.told]
    assert times == sorted(times)
    # the day on which it was asked for, though the second exposure is in the next
    assert {path.relative_to(tmp_path).parts[:4] for path in tmp_path.rglob("*.fits")} == {
        ("data", "20190307", "virus", "virus0000012")
    }
    header = fits.getheader(next(iter(tmp_path.rglob("exp02/virus/*_053LL_sci.fits"))))
    assert (header["DITHER"], header["EXPTIME"], header["QIFU"]) == (2, 361.0, "000")
    assert (header["OBJECT"], header["TELDEC"], header["TRAJDIR"]) == ("HS0050_W", -4.25, "WEST")


@given(polls=st.integers(0, 14))
def test_told_to_stop_it_stops_wherever_it_is(polls: int) -> None:
    with TemporaryDirectory() as folder:
        seen = count()
        trial = Trial(Path(folder))
        trial.stopped = lambda: "ra asked: clouds" if next(seen) >= polls else None

        came = trial.carry_out(request())

        told = [type(event) for event in trial.told]
        assert told == IN_ORDER[: len(told)]
        if came.error:
            assert (came.kind, came.reason) == ("Aborted", "ra asked: clouds")
            assert len(told) < len(IN_ORDER)
        else:
            assert next(seen) <= polls
        again = trial.look(request())
        assert (again.error, again.kind, again.step) == (came.error, came.kind, came.step)


@given(seed=st.integers(0, 1000), faults=st.sampled_from([0.1, 0.5, 1.0]))
def test_a_fault_ends_the_shot_where_it_was_the_same_for_the_same_seed(
    seed: int, faults: float
) -> None:
    found = []
    for _ in range(2):
        with TemporaryDirectory() as folder:
            trial = Trial(Path(folder), Manner(1e6, faults, seed))
            came = trial.carry_out(request())
            found.append((len(trial.told), came.step, came.kind))
    assert found[0] == found[1]
    count_told, step, kind = found[0]
    where = {0: 1, 1: 3, 2: 5, 3: 7}
    if faults == 1.0:
        assert (count_told, step, kind) == (1, "set-up", "SetupFailed")
    if kind == "ExposureFailed":
        assert count_told == where[int(step.removeprefix("exposure "))]


def test_what_was_begun_is_never_begun_again(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    assert trial.look(request()) is None
    trial.port.telescope.begin(TICKET)
    trial.port.telescope.note(TICKET, Found("exposure 2", ended=False))

    with pytest.raises(Refused, match="was begun before"):
        trial.carry_out(request())
    came = Trial(tmp_path).look(request(), epoch=2)

    assert (came.error, came.step, came.kind) == (True, "exposure 2", "Interrupted")
    assert trial.told == []


def test_one_that_was_replaced_is_refused_also_in_the_middle(tmp_path: Path) -> None:
    trial, seen = Trial(tmp_path), count()

    def replaced() -> None:
        if next(seen) == 4:
            Trial(tmp_path).look(request(1), epoch=5)

    trial.stopped = replaced
    with pytest.raises(Refused, match="epoch 4 was replaced by 5"):
        trial.carry_out(request(), epoch=4)
    assert 0 < len(trial.told) < len(IN_ORDER)
    with pytest.raises(Refused):
        trial.look(request(), epoch=4)


def test_a_full_disk_is_the_end_of_a_shot_too(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    trial = Trial(tmp_path / "telescope", port_files=files(tmp_path / "data"))

    came = trial.carry_out(request())

    assert (came.step, came.kind) == ("exposure 1", "NotADirectoryError")
    assert "data" in came.reason


def test_files_of_the_last_exposure_are_missed_where_they_are_waited_for(tmp_path: Path) -> None:
    kept = files(tmp_path)
    last = Exposure(order(), 3, 360.0, kept.place(order(), 3, BEGUN), BEGUN)

    with pytest.raises(ShotFailed, match=r"no FITS file came in .*/virus0000012/exp03"):
        kept.count(last, lambda: None)
    assert kept.count(last._replace(order=order(wait_last_write=False)), lambda: None) == 0
    assert kept.count(last._replace(number=2), lambda: None) == 0
    assert files().count(last._replace(place=""), lambda: None) == 0


def test_files_of_a_shot_before_with_the_same_number_are_not_taken_for_new(tmp_path: Path) -> None:
    kept = files(tmp_path / "data")
    trial = Trial(tmp_path / "telescope", port_files=kept)
    for number in range(2):
        assert not trial.carry_out(request(number)).error
    assert [one.files for one in trial.told if isinstance(one, ExposureFinished)] == [4] * 6

    place = kept.place(order(), 3, BEGUN)
    last = Exposure(order(), 3, 360.0, place, BEGUN, kept.there(place))
    with pytest.raises(ShotFailed, match=r"no FITS file came in .*/virus0000012/exp03"):
        kept.count(last, lambda: None)
    next(Path(place).rglob("*.fits")).write_bytes(b"written anew")
    assert kept.count(last, lambda: None) == 1


@pytest.mark.parametrize(
    ("shot", "time", "ends"),
    [
        (str(request().id), BEGUN - 5, True),  # asked for while it waited
        ("", BEGUN + 5, True),
        ("", BEGUN - 5, False),  # it was for the one before
        ("another", BEGUN + 5, False),
    ],
)
def test_an_abort_is_for_one_shot(shot: str, time: int, ends: bool, tmp_path: Path) -> None:
    asked = ShotAbortRequested(time, shot, "ra", "clouds")
    heard = Record(asked, Provenance("x", 1), None, time, Position("observatory", 0, 9))

    why = Trial(tmp_path).worker.stops(request(), heard, BEGUN)

    assert why == ("ra asked for it: clouds" if ends else None)


def test_a_refusal_says_why(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    failed = trial.worker.failed(request(), "it is of the replay x", BEGUN)
    late = trial.worker.expired(request(), BEGUN)

    assert isinstance(failed, ShotFinished)
    assert (failed.error, failed.kind, failed.reason) == (True, "Failed", "it is of the replay x")
    assert late.valid_until == request().event.valid_until
