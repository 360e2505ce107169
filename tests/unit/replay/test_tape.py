"""Messages in another order than they come from, kept in a file."""

import resource
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.reading import Message
from infra.replay.cue import Cue, cue_of
from infra.replay.tape import Tape, TapeNotWritten
from schemas.record import Position, Provenance, from_headers, to_headers
from schemas.repeats import is_news

TOPIC = "observatory"
TIMES = st.lists(st.integers(0, 30), max_size=30)


def taped(times: list[int], line: str | None = "by") -> Tape:
    tape = Tape("a night", {TOPIC: 1})
    for seq, time in enumerate(times):
        headers = to_headers(Provenance("import.ab", seq))
        tape.put(time, (TOPIC, 0, seq, b"k", b"v%d" % seq, 1, headers))
    tape.wind(line)
    return tape


def played(tape: Tape, since: Cue | None = None, end: Cue | None = None) -> list[tuple[int, int]]:
    return [(time, m.offset()) for time, m in tape.feed(since, end).timed()]


def told(message: Message) -> Provenance:
    position = Position(message.topic(), message.partition(), message.offset())
    return from_headers(message.headers(), position)


@given(TIMES)
def test_it_is_sorted_by_time_and_equal_times_stay_as_they_were(times: list[int]) -> None:
    wanted = sorted((time, seq) for seq, time in enumerate(times))
    assert played(taped(times)) == wanted
    fast = [m.offset() for batch in taped(times).feed().batches() for m in batch]
    assert fast == [seq for _, seq in wanted]


@given(TIMES)
def test_unsorted_it_is_as_it_was_put_down_and_no_time_goes_back(times: list[int]) -> None:
    merge_times = enumerate(accumulate(times, max))
    assert played(taped(times, None)) == [(time, seq) for seq, time in merge_times]


@given(TIMES, st.integers(-1, 31))
def test_from_a_time_on_it_is_the_rest_of_the_whole(times: list[int], since: int) -> None:
    for line in ("by", None):
        tape = taped(times, line)
        whole = played(tape)
        assert played(tape, Cue(since)) == [each for each in whole if each[0] >= since]
        assert played(tape, None, Cue(since)) == [each for each in whole if each[0] < since]


@given(TIMES, st.data())
def test_from_a_message_on_it_is_the_rest_of_the_whole(
    times: list[int], data: st.DataObject
) -> None:
    tape = taped(times)
    whole = [*tape.feed().timed()]
    if whole:
        number = data.draw(st.integers(0, len(whole) - 1))
        rest = played(tape, cue_of(*whole[number]))
        assert rest == [(time, m.offset()) for time, m in whole[number:]]


@given(TIMES)
def test_readers_take_every_record_for_news_under_the_id_it_always_has(times: list[int]) -> None:
    waters: dict[str, int] = {}
    for _, message in taped(times).feed().timed():
        provenance = told(message)
        assert is_news(provenance, waters)
        original = Provenance("import.ab", message.offset())
        assert provenance.id_bytes == original.id_bytes
        if sorted(times) == times:
            assert provenance == original


@pytest.mark.parametrize("line", [None, "by"])
def test_what_a_service_decided_keeps_its_number(line: str | None) -> None:
    tape = Tape("a night", {TOPIC: 1})
    decided = Provenance("silence/observatory/0", 7 << 16, epoch=3)
    for time in (2, 1):
        tape.put(time, (TOPIC, 0, time, None, b"", 1, to_headers(decided)))
    tape.wind(line)
    assert {told(message) for _, message in tape.feed().timed()} == {decided}


def test_of_nothing_there_is_nothing() -> None:
    assert played(taped([])) == []
    assert played(taped([]), Cue(3)) == []


def fill(tape: Tape) -> None:
    for seq in range(2000):
        tape.put(0, (TOPIC, 0, seq, None, bytes(1000), 1, []))


def test_a_full_disk_is_told_once() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        tape = Tape("a night", {TOPIC: 1})
        with pytest.raises(TapeNotWritten, match="There is no room to put a night in order"):
            fill(tape)
        del tape  # which has something left to write
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
