"""What waits is bounded in bytes, and what has no room is counted."""

from hypothesis import given
from hypothesis import strategies as st

from infra.bridge.inbox import Inbox

MESSAGES = st.lists(st.binary(max_size=400), max_size=3)
STEPS = st.lists(st.lists(MESSAGES, max_size=5) | st.integers(0, 8), max_size=20)


@given(STEPS, st.integers(1, 3000))
def test_in_order_within_the_limit_and_every_message_accounted_for(
    steps: list[list[list[bytes]] | int], limit: int
) -> None:
    inbox, put, taken = Inbox(limit), 0, 0
    model: list[list[bytes]] = []
    for step in steps:
        if isinstance(step, int):
            got = inbox.take(step, 0)
            assert got == model[: len(got)]
            assert len(got) == min(step, len(model))
            del model[: len(got)]
            taken += len(got)
            continue
        for message in step:
            before = inbox.dropped
            inbox.put([message])
            if inbox.dropped == before:
                model.append(message)
        put += len(step)
        assert sum(len(frame) for message in model for frame in message) <= limit
    assert len(inbox) == len(model)
    assert inbox.received == put == taken + inbox.dropped + len(model)


def test_what_was_taken_gives_its_room_back() -> None:
    inbox = Inbox(1000)
    for _ in range(100):
        inbox.put([[b"x" * 500]])
        assert inbox.take(10, 0) == [[b"x" * 500]]
    inbox.put([[b"x" * 500], [b"x" * 500]])
    assert (inbox.dropped, len(inbox)) == (1, 1)
