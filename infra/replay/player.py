"""Plays windows of the log: reads, orders, paces, sends on, waits for the acknowledgements."""

from collections.abc import Iterator
from itertools import chain
from math import isfinite
from time import monotonic

from infra.log.cluster import Cluster
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.course import Course
from infra.replay.event_time import EventTimes
from infra.replay.feed import Feed
from infra.replay.namespace import claim
from infra.replay.pacing import Pace
from infra.replay.report import Report
from infra.replay.request import Request
from infra.replay.stage import Stage
from infra.signals import Stop
from infra.steady import steady
from infra.windows import EmptyWindow, Window

_TIME_TO_READ_S = 0.0005
"""Reading ahead takes less, so that it makes no record late."""

_TIME_TO_LOOK_S = 0.02
"""With so much time left, it is asked whether the log still answers."""


class Player:
    """One replay, played once. Making it raises `NotAReplayId` or `ReplayIdInUse`."""

    def __init__(self, source: Cluster, request: Request, stop: Stop) -> None:
        self._target = claim(source, request.replay)
        self._source, self._request, self._stop = source, request, stop
        self._registry = Registry(source)
        self._times = EventTimes(self._registry.decoder)
        self._stage: Stage | None = None
        self.course = Course()

    def run(self) -> Report:
        """Play to the end, or until the wish to stop, and return how it went.

        Raises `EmptyWindow` before anything is made, `LogUnavailable` and `NotAcknowledged`.
        """
        play = self._at_pace if isfinite(self._request.speed) else self._at_full_speed
        for window in self._request.windows:
            feeding = self._request.feed
            with feeding(self._source, window, self._times, lambda: self._stop.requested) as feed:
                play(feed, window)
                self.course.out_of_order += feed.out_of_order
                self.course.skipped += feed.skipped
        report = self._report()
        if self._stage is not None:
            self._stage.finish(report)
        return report

    def _at_full_speed(self, feed: Feed, window: Window) -> None:
        batches = feed.batches()
        first = next(batches, None)
        if first is None:
            self._found_nothing(window)
            return
        stage = self._set_out(self._times.of(first[0]))
        for batch in chain([first], batches):
            stage.carrier.carry(batch)
            stage.look()
            self.course.records = stage.carrier.sent
            self.course.time = self._times.of(batch[-1])
        self._arrive(stage)

    def _at_pace(self, feed: Feed, window: Window) -> None:
        messages = feed.timed()
        first = next(messages, None)
        if first is None:
            self._found_nothing(window)
            return
        while feed.read_ahead():  # so that the first records are not late already
            pass
        with steady():
            stage = self._set_out(first[0])
            self._send_when_due(chain([first], messages), feed, stage)
            self._arrive(stage)

    def _send_when_due(
        self, messages: Iterator[tuple[int, Message]], feed: Feed, stage: Stage
    ) -> None:
        course, stop = self.course, self._stop
        pace = Pace(self._request.speed, course.time, course.began, monotonic, stop.wait)

        def meanwhile(left: float) -> bool:
            if left > _TIME_TO_LOOK_S:
                stage.look()
            return left > _TIME_TO_READ_S and feed.read_ahead()

        for time, message in messages:
            late = pace.wait(time, meanwhile)
            if stop.requested:
                return
            stage.carrier.carry((message,))
            stage.look()
            course.time = time
            course.records += 1
            course.lateness.add(late)

    def _found_nothing(self, window: Window) -> None:
        if not self._stop.requested:
            raise EmptyWindow(window.name, self._request.nights())

    def _set_out(self, first_time: int) -> Stage:
        if self._stage is None:
            self._stage = Stage(
                self._source, self._target, self._registry, self._request, first_time
            )
        self.course.set_out(first_time)
        return self._stage

    def _arrive(self, stage: Stage) -> None:
        stage.flush()
        self.course.arrive()

    def _report(self) -> Report:
        course, request = self.course, self._request
        paced = isfinite(request.speed)

        def milliseconds(share: float) -> float | None:
            return course.lateness.percentile(share) / 1000 if paced else None

        return Report(
            replay=request.replay,
            namespace=self._target.namespace,
            windows=[window.name for window in request.windows],
            topics=[name.removeprefix(self._source.namespace) for name in request.topics],
            records=course.records,
            complete=not self._stop.requested,
            duration=course.taken,
            first_time=course.first_time,
            last_time=None if course.first_time is None else course.time,
            requested_speed=request.speed,
            achieved_speed=course.speed,
            lateness_p50=milliseconds(0.5),
            lateness_p99=milliseconds(0.99),
            lateness_max=milliseconds(1.0),
            out_of_order=course.out_of_order,
        )
