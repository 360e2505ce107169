"""Plays parts: reads, orders, paces, sends on, obeys, waits for the acknowledgements."""

import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from math import isfinite
from time import monotonic

from infra.log.cluster import Cluster
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.controls import Burst, Pause, PlayUntil, Quit, Seek, Status, Transport
from infra.replay.course import Course
from infra.replay.crowding import Crowding, Sending
from infra.replay.cue import Cue
from infra.replay.desk import Keys, Order
from infra.replay.event_time import EventTimes
from infra.replay.inviting import CLOSED
from infra.replay.kinds import Kinds
from infra.replay.namespace import claim
from infra.replay.pacing import Pace
from infra.replay.parts import AnyFeed, Opener, Part
from infra.replay.report import Report, report_of
from infra.replay.request import Request
from infra.replay.seeking import InLockStep, NotAhead, Seeking, SeekOutside, Stretch
from infra.replay.stage import Stage
from infra.replay.tape import Tape
from infra.sealing import standings
from infra.signals import Stop
from infra.steady import steady
from infra.windows import EmptyWindow
from schemas.errors import EvctlError
from schemas.events.ticks import TimePassed

_TIME_TO_READ_S = 0.0005
"""Reading ahead takes less, so that it makes no record late."""

_TIME_TO_LOOK_S = 0.02
"""With so much time left, it is asked whether the log still answers, and what is wished for."""

_LOOK_S = 0.05
"""So often it is asked what is wished for, where records leave no time."""

_SERVE_S = 0.002
"""So often at most it is asked whether records were refused, which costs as much as sending one."""

_NO_LENGTH = 1_000
"""A lap of less event time (µs) goes out at once at any speed."""

_LAP_S = 1.0
"""So long after such a lap the next one begins: else they would fill the log."""

_REFUSED = SeekOutside, NotAhead, InLockStep
"""What can't be done, and stops nothing."""

Standing = Callable[[Part, Cue | None], Iterable[Message]]
"""What holds before a place in a part's order, or before its beginning."""


class Player:
    """One replay, played once. Making it raises `NotAnId` or `ReplayIdInUse`."""

    def __init__(
        self,
        source: Cluster,
        request: Request,
        stop: Stop,
        keys: Keys | None = None,
        standing: Standing | None = None,
    ) -> None:
        self._target = claim(source, request.replay)
        self._source, self._request, self._stop, self._keys = source, request, stop, keys
        self._registry = Registry(source)
        self._times = EventTimes(self._registry.decoder)
        self._kinds = Kinds(self._registry.decoder)
        self._standing = standing or partial(standings.of_part, source, self._registry)
        opener = Opener(source, self._times, lambda: stop.requested, request.sieve, request.feed)
        self._seeking = Seeking(opener, request)
        self._stage: Stage | None = None
        self._goal: Stretch | None = None
        self._bursts: list[Order] = []
        self._waiting: list[Order] = []
        self._laps = 0
        """The event time of all laps before, in µs."""
        self._pace = Pace(Transport(request.speed, 0, 0, request.paused), monotonic, self._nap)
        self._crowding = Crowding()
        self.course = Course()

    def run(self) -> Report:
        """Play to the end, or until the wish to stop, and return how it went.

        Raises `EmptyWindow`, `ListenersMissing` and `CalledOff`, which leave nothing behind,
        `LogUnavailable` and `NotAcknowledged`.
        """
        try:
            stretch = self._beginning(0)
            with steady():
                while stretch is not None:
                    stretch = self._play(stretch)
            sides, whole = (self._source, self._target), not self._stop.requested
            report = report_of(self.course, self._request, *sides, complete=whole)
            if self._stage is not None:
                self._answer_bursts(self.course.time, self._stage)
                why = "it came to its end before that had its turn"
                self._refuse(self._waiting, why, self.course.time, self._stage)
                self._stage.finish(report)
        finally:
            if self._stage is not None:
                self._stage.close()
        return report

    def _beginning(self, index: int) -> Stretch | None:
        """Return a part from where it begins; none after the last."""
        if index == len(self._request.windows):
            return self._again() if self._request.loop else None
        stretch = self._seeking.open(index)
        if stretch is None and not self._stop.requested:
            raise EmptyWindow(self._request.windows[index].name, self._request.nights())
        return stretch

    def _again(self) -> Stretch | None:
        """Begin another lap, after a rest where the last had no length and nobody stepped it."""
        state, length = self._pace.transport, self.course.played - self._laps
        self._laps += length
        rests = length < _NO_LENGTH and isfinite(state.speed) and not state.paused
        if self._stage is not None:
            self._rest(monotonic() + (_LAP_S if rests else 0), self._stage)
        goal, self._goal = self._goal, None
        return goal or self._beginning(0)

    def _rest(self, until: float, stage: Stage) -> None:
        """Heed what is wished for, at least once: laps may be too short for it."""
        self._heed(self.course.time, stage)
        while not self._leaving and monotonic() < until:
            self._stop.wait(_LOOK_S)
            self._heed(self.course.time, stage)

    def _play(self, stretch: Stretch) -> Stretch | None:
        """Play a part from a place on, and return what comes next."""
        feed = stretch.feed
        try:
            while feed.read_ahead():  # so that the first records are not late already
                pass
            stage = self._begin(stretch)
            whole = self._carry(feed, stretch.first, stage)
            stage.flush()
            self.course.arrive()
        finally:
            feed.close()
        self.course.out_of_order += feed.out_of_order
        self.course.skipped += feed.skipped
        self.course.missed += feed.missed if whole else 0
        goal, self._goal = self._goal, None
        if not self._stop.requested:
            return goal or self._beginning(stretch.index + 1)
        if goal is not None:
            goal.feed.close()
        return None

    def _begin(self, stretch: Stretch) -> Stage:
        """Begin at a place, where what stands there comes first: the one way that a stretch begins.

        Its first record is due when this returns, or later where a seek led in front of it.
        """
        stood = self._stood(stretch)  # it may take long, and nobody is answered meanwhile
        if self._stage is None:
            self._stage = Stage(
                self._source,
                self._target,
                self._registry,
                self._request,
                stretch.first[0],
                self._stop,
                self._keys,
            )
        self._stage.carrier.stand(stood)
        course, pace = self.course, self._pace
        course.part, course.part_from = stretch.index, self._seeking.first_time(stretch.index)
        course.set_out(stretch.time)
        course.turn(paused=pace.transport.paused)
        pace.transport = replace(pace.transport, time=stretch.time, since=course.began)
        self._crowding.begin(course.records, course.began)
        return self._stage

    def _stood(self, stretch: Stretch) -> Sequence[Message]:
        """Return what holds where a stretch begins, if that is wanted."""
        request, part = self._request, self._request.windows[stretch.index]
        if not (stretch.sought if request.state is None else request.state):
            return ()
        found = list(self._standing(part, stretch.cue))
        if request.sieve is None or isinstance(part, Tape):  # what is on a tape went through it
            return found
        return request.sieve(found)

    def _carry(self, feed: AnyFeed, first: tuple[int, Message], stage: Stage) -> bool:
        """Send everything on; false where the end was not reached."""
        held: list[tuple[int, Message]] = [first]
        while not self._leaving:
            stage.go(self._sending)
            if self._pace.transport.flat_out:
                over = self._at_full_speed(feed, held, stage)
            else:
                over = self._at_pace(feed, held, stage)
            if over:
                return not self._leaving
            held = []
        return False

    @property
    def _sending(self) -> Sending:
        if self._pace.transport.flat_out:
            return Sending.FLAT_OUT
        return Sending.IN_CROWDS if self._crowding.crowded else Sending.ALONE

    @property
    def _leaving(self) -> bool:
        """Whether to end this stretch where it stands."""
        return self._goal is not None or self._stop.requested

    def _nap(self, seconds: float) -> bool:
        return self._leaving or self._stop.wait(seconds)

    def _at_full_speed(self, feed: AnyFeed, held: list[tuple[int, Message]], stage: Stage) -> bool:
        """Send batches until the end; false if there are deadlines from now on."""
        course = self.course
        for batch in chain(filter(None, [[message for _, message in held]]), feed.batches()):
            stage.carrier.carry(batch)
            stage.look()
            course.records += len(batch)
            course.time = max(course.time, self._times.latest(batch))
            self._heed(course.time, stage)
            if self._leaving:
                return True
            if not self._pace.transport.flat_out:
                return False
        return True

    def _at_pace(self, feed: AnyFeed, held: list[tuple[int, Message]], stage: Stage) -> bool:
        """Send each record when it is due until the end; false to go on in another way."""
        course, pace, late, carry = self.course, self._pace, self.course.late, stage.carrier.carry
        ahead, look_at = course.time, monotonic() + _LOOK_S
        longest, serve_at, quiet_since = self._request.longest_gap, 0.0, course.time

        def meanwhile(left: float) -> bool:
            if left > _TIME_TO_LOOK_S:
                stage.look()
                self._heed(ahead, stage)
            return left > _TIME_TO_READ_S and feed.read_ahead()

        for ahead, message in chain(held, feed.timed()):
            if longest is not None:
                self._pass_over_gap(quiet_since, ahead, longest)
                quiet_since = quiet_since if self._ticks(message) else ahead
            delay = pace.wait(ahead, meanwhile)
            if self._leaving:
                return True
            carry((message,))
            course.time = ahead
            course.records += 1
            if delay is not None:
                late[message.topic()].add(delay)
            if pace.transport.burst:
                pace.transport = pace.transport.sent(ahead)
            now = monotonic()
            if now > serve_at:
                stage.look()
                serve_at = now + _SERVE_S
            if now > look_at:
                self._heed(ahead, stage)
                look_at = monotonic() + _LOOK_S
                self._crowding.judge(course.records, now)
                if self._crowding.nears:
                    stage.make_ready(Sending.IN_CROWDS)
                if self._sending is not stage.sending:
                    return False
        return True

    def _ticks(self, message: Message) -> bool:
        return self._kinds.of(message) is TimePassed

    def _pass_over_gap(self, quiet_since: int, ahead: int, longest: int) -> None:
        """Leave out what is too much of a gap; in one that has ticks, their part of it."""
        before, since = self._pace.transport, max(quiet_since, self.course.time - longest)
        self._pace.transport = before.over_gap(since, ahead, longest)
        self.course.leap(self._pace.transport.time - before.time)

    # What is wished for

    def _heed(self, ahead: int, stage: Stage) -> None:
        """Do what is wished for by now; the next record is of event time `ahead` (µs UTC)."""
        self._change(self._pace.transport.settled(monotonic(), ahead))
        if not self._pace.transport.burst:
            self._answer_bursts(ahead, stage)
        waiting: list[Order] = []
        for order in (*self._waiting, *stage.desk.look()):
            if isinstance(order.command, Pause):
                self._refuse(waiting, "a pause came after it, before its turn", ahead, stage)
            if self._takes(order, others_wait=bool(waiting)):
                self._carry_out(order, ahead, stage)
            else:
                waiting.append(order)
        self._waiting = waiting

    def _refuse(self, waiting: list[Order], why: str, ahead: int, stage: Stage) -> None:
        """Answer those whose turn will not come."""
        for order in waiting:
            self._answer(order, why, ahead, stage)
        waiting.clear()

    def _takes(self, order: Order, *, others_wait: bool) -> bool:
        """Whether an order is carried out, or refused, now."""
        command, state = order.command, self._pace.transport
        return isinstance(command, EvctlError) or state.takes(command, others_wait=others_wait)

    def _carry_out(self, order: Order, ahead: int, stage: Stage) -> None:
        refused = ""
        try:
            self._obey(order, self._next_time(ahead))
        except EvctlError as fault:
            if not isinstance(fault, _REFUSED) and fault is not order.command:
                raise
            refused = str(fault)
        self.course.refused = refused
        if isinstance(order.command, Burst):
            self._bursts.append(order)
        else:
            self._answer(order, refused, ahead, stage)

    def _answer_bursts(self, ahead: int, stage: Stage) -> None:
        """Answer those that have gone out, or were ended by something else."""
        for order in self._bursts:
            self._answer(order, "", ahead, stage)
        self._bursts.clear()

    def _answer(self, order: Order, refused: str, ahead: int, stage: Stage) -> None:
        state = self._pace.transport
        position = state.at(monotonic(), self._next_time(ahead))
        stage.desk.answer(order, refused, state, position, self.course.records)

    def _next_time(self, ahead: int) -> int:
        """Return the event time of the next record, where a seek led if one did since."""
        return ahead if self._goal is None else self._goal.first[0]

    def _obey(self, order: Order, ahead: int) -> None:
        """Carry an order out; raise why it can't be."""
        state, now, command = self._pace.transport, monotonic(), order.command
        if isinstance(command, EvctlError):
            raise command
        if isinstance(command, Quit):
            with suppress(KeyboardInterrupt):
                self._stop.on_signal(signal.SIGINT)
        elif isinstance(command, Status):
            return
        elif isinstance(command, Seek):
            self._seek(replace(state, time=state.at(now, ahead), since=now), command)
        else:
            if isinstance(command, PlayUntil):
                here = replace(state, time=state.at(now, ahead))
                NotAhead.refuse(here.goal(command), here.time)
            self._change(state.after(command, now, ahead))
        self.course.controls += 1

    def _seek(self, here: Transport, command: Seek) -> None:
        invited = self._request.invited
        if invited is not None and invited.loop == CLOSED:
            raise InLockStep
        goal = self._seeking.find(here.goal(command), self.course.part, relative=command.relative)
        if self._goal is not None:
            self._goal.feed.close()
        self._goal = goal
        self._change(here.moved(goal.time))

    def _change(self, state: Transport) -> None:
        if state is self._pace.transport:
            return
        if self._goal is None:
            self.course.turn(paused=state.paused)
        self._pace.transport = state
        self._crowding.begin(self.course.records, monotonic())
