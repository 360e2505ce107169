"""Signals become a wish that a loop sees."""

import os
import signal
import threading
from time import perf_counter

import pytest

from infra.signals import stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_a_wish_with_its_exit_code(number: int, code: int) -> None:
    with stopping() as stop:
        assert not stop.wait(0)
        assert stop.exit_code == 0
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        assert stop.requested
        assert stop.exit_code == code


def test_a_second_signal_interrupts_there_and_then() -> None:
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.exit_code == 143


def test_waiting_ends_at_the_signal() -> None:
    with stopping() as stop:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        begin = perf_counter()
        timer.start()
        assert stop.wait(30)
        assert perf_counter() - begin < 20
        timer.join()


def test_waiting_without_a_signal_ends_after_its_time() -> None:
    with stopping() as stop:
        assert not stop.wait(0.001)


def test_the_handlers_of_before_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stopping():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
