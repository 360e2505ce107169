"""One connection: bytes to frames, frames to requests, and the answers back in the order asked."""

import asyncio
import logging
import os
import struct
from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, cast

from infra.broker import auth
from infra.broker.errors import MalformedFrame
from infra.broker.handlers.data import Parts, Reply
from infra.broker.protocol.apis import APIS, Api, unsupported_version
from infra.broker.protocol.inbox import Inbox
from infra.broker.protocol.wire import Reader

if TYPE_CHECKING:
    from infra.broker.server import Broker

_LOG = logging.getLogger(__name__)
_LENGTH = Struct(">i")
_HEADER = Struct(">hhih")  # API key, version, correlation id, length of the client's name
_ANSWER = Struct(">ii")  # length, correlation id
_MAX_WAITING = 256  # requests of one connection that may wait for their answer
_MAX_UNSENT = 1 << 20  # bytes the client has not taken, above which no further request is read
_JOIN_BELOW = 64 << 10
_MOST_PARTS = 1024  # that one system call takes
_FETCH = 1
# why no further request is read
_UNSENT, _WAITING, _FETCHING, _NO_ROOM = 1, 2, 4, 8


class _Slot:
    """The place of an answer in the order of the requests; `task` is held so that it lives."""

    __slots__ = ("answer", "fetches", "size", "task")

    def __init__(self) -> None:
        self.answer: Parts | None = None
        self.task: asyncio.Future[Parts] | asyncio.Task[Parts | None] | None = None
        self.fetches = False
        self.size = 0


class Connection(asyncio.BufferedProtocol):
    """A client; frames are handled where they lie, so a handler must not keep views of them."""

    def __init__(self, broker: "Broker") -> None:
        self.authenticated = False
        self.mechanism_agreed = False
        self.bare_token_next = False  # after SaslHandshake 0 the token comes without a request
        self.closing = False  # close once what is answered was sent
        self.peer = "?"
        self.client_id = ""
        self._broker = broker
        self._inbox = Inbox(broker.limits, self)
        self._slots: deque[_Slot] = deque()
        self._held = 0  # bytes of answers that wait for those before them
        self._blocks = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MAX_UNSENT)
        self.peer = ":".join(map(str, transport.get_extra_info("peername")))
        self._broker.limits.arrived(self)
        self._broker.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio calls it so
        """Drop what still waits."""
        self._transport = None
        for slot in self._slots:
            if slot.task is not None:
                slot.task.cancel()
        self._slots.clear()
        self._broker.limits.left(self)
        self._broker.disconnected(self)

    @property
    def host(self) -> str:
        """The address of the client, as Kafka writes it."""
        return f"/{self.peer.rpartition(':')[0]}"

    def log_in(self) -> None:
        """Let the client stay, and ask for anything."""
        self.authenticated = True
        self._inbox.widen()
        self._broker.limits.logged_in(self)

    def close(self) -> None:
        """Close once what is written was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio calls it so
        """Return where the next bytes go; there is always room."""
        return self._inbox.free()

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the frames that are complete."""
        self._inbox.filled(nbytes)
        self._handle_frames()

    def pause_writing(self) -> None:
        """Read no further requests: the client does not take its answers."""
        self._block(_UNSENT)
        if self._transport is not None:
            self._broker.limits.untaken(self, self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on."""
        self._broker.limits.taken(self)
        self._unblock(_UNSENT)

    def _block(self, reason: int) -> None:
        if not self._blocks and self._transport is not None:
            self._transport.pause_reading()
        self._blocks |= reason

    def _unblock(self, reason: int) -> None:
        if not self._blocks & reason:
            return
        self._blocks &= ~reason
        if not self._blocks and self._transport is not None:
            self._transport.resume_reading()
            self._handle_frames()

    def _handle_frames(self) -> None:
        try:
            while not self._blocks and not self.closing:
                frame = self._inbox.next_frame()
                if frame is not None:
                    self._handle(frame)
                    continue
                if self._inbox.wants_room:
                    self._block(_NO_ROOM)
                break
        except (MalformedFrame, struct.error, IndexError, UnicodeDecodeError) as error:
            _LOG.warning("closed the connection of %s: %s", self.peer, error)
            self.close()
            self.closing = True

    def has_room(self) -> None:
        """Ask again for memory."""
        if self._inbox.has_room():
            self._unblock(_NO_ROOM)

    def give_back(self) -> None:
        """Release the memory for frames, if no frame is arriving."""
        self._inbox.give_back()

    def _log_in_bare(self, frame: memoryview) -> None:
        self.bare_token_next = False
        if not auth.accepts(bytes(frame), self._broker.token):
            raise MalformedFrame("wrong user or token")
        self.log_in()
        self._send([_LENGTH.pack(0)])

    def _handle(self, frame: memoryview) -> None:
        if self.bare_token_next:
            self._log_in_bare(frame)
            return
        key, version, correlation, client_length = _HEADER.unpack_from(frame)
        api = APIS.get(key)
        if api is None:
            raise MalformedFrame(f"a request with the unknown API key {key}")
        if not api.lowest <= version <= api.highest:
            self._answer(_Slot(), correlation, unsupported_version(api, version), tagged=False)
            return
        position = _HEADER.size + max(client_length, 0)
        if not self.client_id and client_length > 0:
            self.client_id = str(frame[_HEADER.size : position], "utf-8", "replace")
        if version >= api.flexible_from:
            reader = Reader(frame, position, flexible=True)
            reader.skip_tags()
            position = reader.pos
        if not self.authenticated and not api.before_login:
            raise MalformedFrame(f"{api.name} before logging in with SASL/PLAIN")
        if key == _FETCH and any(slot.fetches for slot in self._slots):
            # as Kafka does: the next fetch is looked at when the one before it is answered
            self._inbox.put_back(frame)
            self._block(_FETCHING)
            return
        reply = api.handle(self._broker, self, version, frame[position:])
        self._take(api, version, correlation, reply)

    def _take(self, api: Api, version: int, correlation: int, reply: Reply) -> None:
        """Give the answer its place: at once, later, or never for a producer that wants none."""
        if reply is None:
            return
        slot = _Slot()
        tagged = api.tagged_answer and version >= api.flexible_from
        if isinstance(reply, list):
            self._answer(slot, correlation, reply, tagged=tagged)
            return
        slot.fetches = api.key == _FETCH
        self._slots.append(slot)
        slot.task = asyncio.ensure_future(reply)
        slot.task.add_done_callback(lambda task: self._finished(task, slot, correlation, tagged))
        if len(self._slots) >= _MAX_WAITING:
            self._block(_WAITING)

    def _finished(
        self,
        task: asyncio.Future[Parts] | asyncio.Task[Parts | None],
        slot: _Slot,
        correlation: int,
        tagged: bool,
    ) -> None:
        if task.cancelled() or self._transport is None:
            return
        error = task.exception()
        if error is not None:
            _LOG.error("closed the connection of %s", self.peer, exc_info=error)
            self._transport.abort()
            return
        parts = task.result()
        slot.answer = [] if parts is None else framed(correlation, parts, tagged=tagged)
        self._hold(slot)

    def _answer(self, slot: _Slot, correlation: int, parts: Parts, *, tagged: bool) -> None:
        answer = framed(correlation, parts, tagged=tagged)
        if self._slots:
            slot.answer = answer
            self._slots.append(slot)
            self._hold(slot)
        else:
            self._send(answer)
            if self.closing:
                self.close()

    def _hold(self, slot: _Slot) -> None:
        slot.size = sum(map(len, slot.answer or ()))
        self._held += slot.size
        while self._slots and self._slots[0].answer is not None:
            first = self._slots.popleft()
            self._held -= first.size
            self._send(first.answer or [])
        if self.closing and not self._slots:
            self.close()
            return
        if len(self._slots) < _MAX_WAITING and self._held < _MAX_UNSENT:
            self._unblock(_WAITING)
        else:
            self._block(_WAITING)
        if self._blocks & _FETCHING and not any(slot.fetches for slot in self._slots):
            self._unblock(_FETCHING)

    def _send(self, parts: Parts) -> None:
        if self._transport is None or not parts:
            return
        if sum(map(len, parts)) <= _JOIN_BELOW or len(parts) > _MOST_PARTS:
            self._transport.write(b"".join(parts))
            return
        sent = _send_at_once(self._transport, parts)
        for part in parts:
            if sent < len(part):
                self._transport.write(memoryview(part)[sent:])
            sent = max(sent - len(part), 0)


def _send_at_once(transport: asyncio.Transport, parts: Parts) -> int:
    """Let the socket take what it can, uncopied; returns how many bytes that was.

    One call for all parts: each may wake the client, which costs more than to copy some kB. The
    transport takes the rest, and notices where the connection is gone.
    """
    if transport.get_write_buffer_size():
        return 0
    try:
        return os.writev(transport.get_extra_info("socket").fileno(), parts)
    except OSError:
        return 0


def framed(correlation: int, parts: Parts, *, tagged: bool) -> Parts:
    """Put length and header before an answer; a flexible header ends with "no tagged fields"."""
    length = 4 + tagged + sum(map(len, parts))
    return [_ANSWER.pack(length, correlation) + (b"\0" if tagged else b""), *parts]
