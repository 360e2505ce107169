"""Where time is mocked, `silence` decides as ever: what it measures is between true times."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consumers.silence import NAME, service
from infra.mocking import Mock
from schemas.events.notices import NoticeRequested
from schemas.events.services import SettingsTookEffect
from schemas.events.silence import SystemFellSilent
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import Position, Provenance, Record
from schemas.utc import MICROS

START = 1_700_000_000 * MICROS


def decided(shift: int) -> Sequence[Any]:
    """Return what follows from a system that speaks once, and from ticks of 40 seconds."""
    events = [
        SettingsTookEffect(START, NAME, {"after": "30"}, ""),
        TcsEvent(START, START, "tcs", "tracker", "position", False, {}, {}),
        *(Mock(0, shift).tick(START + second * MICROS) for second in range(40)),
    ]
    silence, found = service(), []
    state = silence.initial
    for number, event in enumerate(events):
        record = Record(event, Provenance("x", number), None, START, Position("t", 0, number))
        new = silence.decide(state, record)
        state = silence.evolve(state, record)
        for one in new:
            state = silence.evolve(state, record._replace(event=one))
        found += [(event, one) for one in new]
    return found


@given(st.integers(-(10**16), 10**16))
def test_a_system_is_silent_after_as_long_as_ever(shift: int) -> None:
    (tick, silent), (_, notice) = decided(shift)

    assert isinstance(tick, TimePassed)
    assert tick.now == START + 31 * MICROS + shift
    assert silent == SystemFellSilent(START + 31 * MICROS, "tcs", START, 30.0)
    assert isinstance(notice, NoticeRequested)
    assert notice.valid_until > tick.time, "for the worker, whose clock is true"
