"""The control state machine: whatever is done to a replay, its time goes on as it should."""

from dataclasses import replace
from math import inf

from hypothesis import assume, given
from hypothesis import strategies as st

from infra.replay.controls import (
    Accelerate,
    Burst,
    Command,
    Pause,
    PlayUntil,
    Quit,
    Resume,
    Seek,
    SetSpeed,
    Status,
    Toggle,
    Transport,
)

START = 1_700_000_000_000_000
HOUR = 3_600_000_000
FAR = START + 10_000 * HOUR

SPEEDS = st.sampled_from([0.1, 1.0, 7.5, 100.0])
TIMES = st.integers(START, START + HOUR)
STEADY: st.SearchStrategy[Command] = st.one_of(
    st.builds(Pause),
    st.builds(Resume),
    st.builds(Toggle),
    st.builds(SetSpeed, SPEEDS),
    st.builds(Accelerate, st.sampled_from([0.5, 2.0])),
    st.builds(Burst, st.integers(1, 5)),
    st.builds(Status),
    st.builds(Quit),
)
"""What leaves the event time where it is."""
MOVES: st.SearchStrategy[Command] = st.one_of(
    st.builds(Seek, TIMES),
    st.builds(Seek, st.integers(-HOUR, HOUR), st.just(True)),
    st.builds(PlayUntil, TIMES),
    st.builds(PlayUntil, st.integers(1, HOUR), st.just(True)),
)
LATER = st.floats(0, 100)
STATES = st.builds(Transport, SPEEDS, TIMES, st.floats(0, 100), st.booleans())


def done(state: Transport, told: list[tuple[float, Command]]) -> tuple[Transport, float]:
    """Carry out commands, each some seconds after the one before; return the time of the last."""
    now = state.since
    for seconds, command in told:
        now += seconds
        state = state.after(command, now, FAR)
    return state, now


@given(STATES, st.lists(st.tuples(LATER, STEADY | MOVES), max_size=5), LATER, STEADY)
def test_an_operation_leaves_the_event_time_where_it_is(
    state: Transport, told: list[tuple[float, Command]], seconds: float, command: Command
) -> None:
    state, now = done(state, told)
    now += seconds
    after = state.after(command, now, FAR)
    assert abs(after.at(now, FAR) - state.at(now, FAR)) <= 1


@given(STATES, st.lists(st.tuples(LATER, STEADY | MOVES), max_size=5), TIMES, TIMES)
def test_what_happened_later_is_never_due_earlier(
    state: Transport, told: list[tuple[float, Command]], one: int, other: int
) -> None:
    state, _ = done(state, told)
    assert state.deadline(min(one, other)) <= state.deadline(max(one, other))


@given(STATES, st.lists(st.tuples(LATER, STEADY | MOVES), max_size=5), LATER)
def test_what_is_due_is_what_the_time_has_reached(
    state: Transport, told: list[tuple[float, Command]], seconds: float
) -> None:
    state, now = done(state, told)
    assume(not state.paused and state.until is None)
    reached = state.at(now + seconds, FAR)
    assert state.deadline(reached - 2_000) <= now + seconds + 1e-6
    assert state.deadline(reached + 2_000) >= now + seconds - 1e-6


@given(STATES, LATER, LATER, TIMES)
def test_a_pause_moves_every_deadline_by_its_length(
    state: Transport, before: float, length: float, time: int
) -> None:
    state = replace(state, paused=False)
    now = state.since + before
    paused = state.after(Pause(), now, FAR)
    assert paused.deadline(time) == inf
    resumed = paused.after(Resume(), now + length, FAR)
    off = resumed.deadline(time) - state.deadline(time) - length
    assert abs(off) < 1e-5 / min(state.speed, 1)


@given(STATES, LATER, SPEEDS, TIMES)
def test_a_new_speed_holds_from_its_moment_on(
    state: Transport, before: float, speed: float, time: int
) -> None:
    state = replace(state, paused=False)
    now = state.since + before
    here = state.at(now, FAR)
    faster = state.after(SetSpeed(speed), now, FAR)
    wanted = now + (time - here) / (speed * 1e6)
    assert abs(faster.deadline(time) - wanted) < 1e-4


@given(STATES, LATER, st.integers(1, 50))
def test_a_burst_lets_exactly_so_many_go(state: Transport, before: float, records: int) -> None:
    now = state.since + before
    state = state.after(Burst(records), now, FAR)
    gone = 0
    while state.deadline(FAR) <= now:
        gone += 1
        state = state.sent(START + 100 * HOUR + gone)
    assert gone == records
    assert (state.paused, state.time) == (True, START + 100 * HOUR + records)


@given(STATES, st.lists(st.integers(1, 50), min_size=1))
def test_steps_that_come_at_once_are_all_made(state: Transport, bursts: list[int]) -> None:
    state, _ = done(state, [(0.0, Burst(records)) for records in bursts])
    assert state.burst == sum(bursts)


@given(STATES, st.lists(STEADY | MOVES, max_size=12))
def test_what_comes_during_a_burst_waits_for_its_end(state: Transport, told: list[Command]) -> None:
    """As a player has it: of what is told at once, all is done in turn, or a pause ends a burst."""
    done_, sent, wanted = list[Command](), 0, 0
    waiting, urgent = told, (Pause, Status, Quit)
    while waiting or state.burst:
        if state.burst and not any(isinstance(one, urgent) for one in waiting[:1]):
            state, sent = state.sent(state.time), sent + 1
        left: list[Command] = []
        for command in waiting:
            if state.takes(command, others_wait=bool(left)):
                wanted += command.records if isinstance(command, Burst) else 0
                wanted -= state.burst if isinstance(command, Pause) else 0
                state = state.after(command, state.since, FAR)
                done_.append(command)
            else:
                left.append(command)
        waiting = left
    assert sent == wanted
    assert sorted(map(repr, done_)) == sorted(map(repr, told))
    of_both = [[c for c in some if not isinstance(c, urgent)] for some in (done_, told)]
    assert of_both[0] == of_both[1]


@given(STATES, LATER, TIMES, TIMES)
def test_a_seek_begins_there_and_then(
    state: Transport, before: float, target: int, time: int
) -> None:
    now = state.since + before
    state = state.after(Seek(target), now, FAR)
    assert state.at(now, FAR) == target
    if not state.paused:
        assert abs(state.deadline(time) - now - (time - target) / (state.speed * 1e6)) < 1e-6


@given(STATES, LATER, st.integers(1, HOUR), LATER)
def test_it_plays_until_a_time_and_pauses_there(
    state: Transport, before: float, way: int, later: float
) -> None:
    now = state.since + before
    state = state.after(PlayUntil(way, relative=True), now, FAR)
    until = state.until
    assert until is not None
    assert state.deadline(until) == inf
    assert state.deadline(until - 1) < inf
    settled = state.settled(now + later, FAR)
    if settled.paused:
        assert (settled.time, settled.until) == (until, None)
        assert state.at(now + later, FAR) >= until
    else:
        assert settled == state


def test_what_it_plays_until_is_not_over_while_records_wait_in_front_of_it() -> None:
    state = Transport(inf, START, 0.0).after(PlayUntil(START + 10), 0.0, START)
    assert not state.settled(5.0, START + 9).paused
    assert state.settled(5.0, START + 10).paused


@given(STATES, LATER, LATER)
def test_when_behind_a_pause_forgives_what_was_late(
    state: Transport, before: float, length: float
) -> None:
    state = replace(state, paused=False)
    now = state.since + before
    ahead = state.time + 5  # all else of what was due went out late
    resumed = state.after(Pause(), now, ahead).after(Resume(), now + length, ahead)
    assert resumed.deadline(ahead) >= min(now + length, state.deadline(ahead) + length) - 1e-6


@given(STATES, st.integers(0, HOUR), st.integers(0, HOUR))
def test_a_gap_counts_as_so_long_at_most(state: Transport, gap: int, longest: int) -> None:
    state = replace(state, paused=False)
    shortened = state.over_gap(state.time, state.time + gap, longest)
    waited = shortened.deadline(state.time + gap) - state.since
    assert abs(waited * state.speed * 1e6 - min(gap, longest)) < 1 + state.speed * 10


@given(STATES, st.lists(st.tuples(LATER, STEADY | MOVES), max_size=8))
def test_speeds_stay_speeds(state: Transport, told: list[tuple[float, Command]]) -> None:
    state, _ = done(state, told)
    assert state.speed > 0
    assert state.burst >= 0


def test_at_full_speed_all_is_due_and_a_pause_holds_it() -> None:
    state = Transport(inf, START, 0.0)
    assert state.flat_out
    assert state.deadline(FAR) == -inf
    paused = state.after(Pause(), 1.0, START + 7)
    assert (paused.flat_out, paused.time, paused.deadline(START + 7)) == (False, START + 7, inf)
    assert paused.after(SetSpeed(2.0), 2.0, START + 7).after(Resume(), 3.0, START + 7) == Transport(
        2.0, START + 7, 3.0
    )
