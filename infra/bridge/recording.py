"""From messages to records, until it is stopped, whatever comes in and wherever the log is."""

import logging
from collections import deque
from time import monotonic

from infra.bridge.appending import AWAY, Appender
from infra.bridge.errors import NotRecorded
from infra.bridge.inbox import Inbox, Message
from infra.bridge.listening import Listener
from infra.bridge.tally import Tally
from infra.counting import counted
from infra.log.errors import RecordTooLarge
from infra.signals import Stop
from producers import tcs_wire
from producers.tcs_names import Names
from producers.tcs_wire import NotOnWire

_BATCH = 1000
_WAIT_S = 0.05
_LULL_S = 0.005
_AGAIN_S = 1.0
_REPORT_S = 60.0

TOO_LARGE = "too large"

_LOGGER = logging.getLogger("evctl.bridge")


class Recorder:
    """Records what a listener puts into an inbox, as far as it is an event whose name is wanted."""

    def __init__(self, inbox: Inbox, listener: Listener, appender: Appender, names: Names) -> None:
        self._inbox, self._listener, self._names = inbox, listener, names
        self._appender = appender
        self._taken: deque[Message] = deque()
        self._tally = Tally()
        self._reported_at, self._reported = monotonic(), ""

    def run(self, stop: Stop) -> None:
        """Record until a stop is asked for and all that was heard is on the log.

        Raises `NotRecorded` where the log is away then.
        """
        while True:
            try:
                self._record(stop)
            except AWAY as fault:
                self._wait_for_log(fault, stop)
            else:
                return

    def said(self) -> str:
        """Return the account of what came in, in words."""
        return self._tally.said(self._appender.acknowledged, self._inbox.dropped)

    @property
    def waiting(self) -> int:
        """How many messages were received and are not on the log yet."""
        return self._appender.waiting + len(self._taken) + len(self._inbox)

    def _record(self, stop: Stop) -> None:
        appender = self._appender
        while True:
            if stop.requested and not self._listener.ended:
                self._listener.end()
            if not self._taken:
                self._taken.extend(self._inbox.take(_BATCH, 0 if appender.waiting else _WAIT_S))
            if not self._taken and self._listener.ended:
                break
            while self._taken and appender.has_room:
                self._make(self._taken.popleft())
            appender.serve(0 if appender.has_room and len(self._inbox) else _LULL_S)
            self._report()
        appender.flush()

    def _make(self, message: Message) -> None:
        """Append the event of a message, or count why it is none."""
        if self._names.patterns and not self._wanted(message):
            return
        try:
            self._appender.append(tcs_wire.parse(message))
        except NotOnWire as fault:
            self._tally.pass_over(fault.misfit, fault.detail)
        except RecordTooLarge as fault:
            self._tally.pass_over(TOO_LARGE, f"{fault.size:,} bytes as a record")

    def _wanted(self, message: Message) -> bool:
        """Whether its name is wanted: ZeroMQ looks at beginnings only."""
        return self._names.have(message[0].decode(errors="replace"))

    def _wait_for_log(self, fault: Exception, stop: Stop) -> None:
        said = ""
        while True:
            if str(fault) != said:
                said = str(fault)
                _LOGGER.warning("%s What comes in waits in memory.", said)
            stopping = stop.wait(_AGAIN_S)
            try:
                self._appender.reconnect()
            except AWAY as again:
                fault = again
                if stopping:
                    raise NotRecorded(self.waiting, again) from again
            else:
                _LOGGER.info("the log is back; %s waited", counted(self.waiting, "message"))
                return

    def _report(self) -> None:
        """Log the account once a minute, if it is another one."""
        if monotonic() - self._reported_at > _REPORT_S:
            said = self.said()
            if said != self._reported:
                _LOGGER.info("%s", said)
            self._reported_at, self._reported = monotonic(), said
