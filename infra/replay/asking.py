"""A request to a replay that is under way, and its answer, by way of its control topic."""

from dataclasses import asdict
from math import isfinite
from time import monotonic
from typing import Any

from infra import clock
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.replay.hearing import ControlTopic
from infra.replay.namespace import seen_by
from infra.replay.outcome import NoSuchReplay
from infra.replay.report import factor
from schemas import utc
from schemas.errors import EvctlError
from schemas.events.replays import ReplayControlled, ReplayControlRequested, ReplayFinished
from schemas.topics import REPLAY_CONTROL

_WAIT_S = 0.1


class ReplayOver(EvctlError):
    """A replay has come to its end and takes no commands."""

    exit_code = 66

    def __init__(self, replay: str) -> None:
        super().__init__(f"The replay {replay} is over: there is nothing to control.")
        self.replay = replay


class NoAnswer(EvctlError):
    """A replay does not answer."""

    exit_code = 69

    def __init__(self, replay: str, timeout: float) -> None:
        super().__init__(
            f"The replay {replay} gave no answer within {timeout:g} s: it was killed, or is "
            "not done with what was asked for before. What was asked for now is done if it comes "
            "to it."
        )
        self.replay = replay


class Refused(EvctlError):
    """A replay did not do what it was asked to."""

    exit_code = 66

    def __init__(self, replay: str, reason: str) -> None:
        super().__init__(f"The replay {replay} refused: {reason}")
        self.replay = replay


def answer_to(source: Cluster, replay: str, command: str, timeout: float) -> ReplayControlled:
    """Ask a replay for something, and return its answer.

    Raises `NotAnId`, `NoSuchReplay`, `ReplayOver`, `NoAnswer` and `Refused`.
    """
    target = seen_by(source, replay)
    name = REPLAY_CONTROL.full_name(target.namespace)
    if name not in topics.existing(target):
        raise NoSuchReplay(replay, name)
    registry = Registry(source)
    answers = _Answers(target, registry, replay)
    try:
        request = clock.fresh_id()
        log = Publisher(target, registry, REPLAY_CONTROL, f"ctl/{request}", linger_ms=0)
        log.publish(ReplayControlRequested(clock.utc_micros(), replay, request, command))
        log.flush()
        answer = answers.to(request, timeout)
    finally:
        answers.close()
    if answer.refused:
        raise Refused(replay, answer.refused)
    return answer


class _Answers:
    """Waits for answers on a control topic."""

    def __init__(self, target: Cluster, registry: Registry, replay: str) -> None:
        self._cluster, self._replay = target, replay
        self._heard = ControlTopic(target, registry)
        self._require_running()

    def _require_running(self) -> None:
        """Raise `ReplayOver` where the replay's end is on the log already."""
        place, read = (self._heard.name, 0), 0
        _, end = reading.whole(self._cluster, [place])[place]
        while read < end:
            self._cluster.check()
            for offset, event in self._heard.events(_WAIT_S):
                read = offset + 1
                if isinstance(event, ReplayFinished):
                    self.close()
                    raise ReplayOver(self._replay)

    def to(self, request: str, timeout: float) -> ReplayControlled:
        """Return the answer to a request."""
        deadline = monotonic() + timeout
        while monotonic() < deadline:
            self._cluster.check()
            for _, event in self._heard.events(_WAIT_S):
                if isinstance(event, ReplayControlled) and event.request == request:
                    return event
                if isinstance(event, ReplayFinished):
                    raise ReplayOver(self._replay)
            if self._heard.name not in topics.existing(self._cluster):  # it was called off
                raise ReplayOver(self._replay)
        raise NoAnswer(self._replay, timeout)

    def close(self) -> None:
        """Leave the log."""
        self._heard.close()


def said(answer: ReplayControlled) -> str:
    """Return how a replay stands, in a line."""
    how = f"{'paused' if answer.paused else 'plays'} at {utc.iso(answer.position)}"
    until = "" if answer.until is None else f", until {utc.iso(answer.until)}"
    return f"{answer.replay} {how}, {factor(answer.speed)}{until}, {answer.records:,} sent"


def as_json(answer: ReplayControlled) -> dict[str, Any]:
    """Return how a replay stands, for programs: times as ISO 8601, a speed as number or `max`."""
    found = asdict(answer)
    del found["request"], found["refused"]
    for name in ("time", "position", "until"):
        found[name] = None if found[name] is None else utc.iso(found[name])
    found["speed"] = answer.speed if isfinite(answer.speed) else "max"
    return found
