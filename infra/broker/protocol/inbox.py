"""The bytes of one connection that are not yet a whole request."""

from struct import Struct

from infra.broker.errors import MalformedFrame
from infra.broker.protocol.limits import Client, Limits

_LENGTH = Struct(">i")
_KEY = Struct(">h")
_PRODUCE = 0
MAX_FRAME = 100 << 20
MAX_FRAME_STRANGER = 64 << 10  # before the client has shown the token
MAX_WITHOUT_RECORDS = 4 << 20  # a frame of any request but Produce
_BUFFER_STRANGER = 4 << 10
_BUFFER = 64 << 10
_KEEP_BUFFER = 2 << 20  # a larger one is given back once it is empty


class Inbox:
    """A buffer that grows with what has arrived: what is only announced takes no memory."""

    def __init__(self, limits: Limits, owner: Client) -> None:
        self.wants_room = False  # nothing can be read until the limits allow for a larger buffer
        self._limits = limits
        self._owner = owner
        self._most = MAX_FRAME_STRANGER
        self._wanted = 0
        self._buffer = memoryview(bytearray(_BUFFER_STRANGER))
        self._start = self._end = 0

    def widen(self) -> None:
        """Take frames of any size from now on."""
        self._most = MAX_FRAME
        if len(self._buffer) < _BUFFER:
            self._move(memoryview(bytearray(_BUFFER)))

    def free(self) -> memoryview:
        """Return where the next bytes go; there is always room, unless it `wants_room`."""
        return self._buffer[self._end :]

    def filled(self, size: int) -> None:
        """Note that `size` bytes have come."""
        self._end += size

    def put_back(self, frame: memoryview) -> None:
        """Let the frame that was taken last be the next one again."""
        self._start -= 4 + len(frame)

    def next_frame(self) -> memoryview | None:
        """Return the next complete frame, or make room for it."""
        waiting = self._end - self._start
        if waiting < 4:
            self._make_room(4)
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, self._start)
        if not 0 <= length <= self._most:
            raise MalformedFrame(f"a frame of {length} bytes, the limit is {self._most}")
        if length > MAX_WITHOUT_RECORDS and waiting >= 6:
            self._admit_large(length)
        if waiting < 4 + length:
            self._make_room(4 + length)
            return None
        first = self._start + 4
        self._start = first + length
        return self._buffer[first : self._start]

    def _admit_large(self, length: int) -> None:
        (key,) = _KEY.unpack_from(self._buffer, self._start + 4)
        if key != _PRODUCE:
            raise MalformedFrame(
                f"a request without records (API key {key}) of {length} bytes, the limit is "
                f"{MAX_WITHOUT_RECORDS}"
            )

    def _make_room(self, size: int) -> None:
        """Move what is left to the front of a buffer that is not full."""
        left, capacity = self._end - self._start, len(self._buffer)
        if size > capacity and 2 * left >= capacity:
            self._wanted = size
            self._grow()
        elif not left and capacity > _KEEP_BUFFER:
            self.give_back()
        elif self._start:
            self._move(self._buffer)

    def _grow(self) -> None:
        capacity = min(self._wanted, max(_BUFFER, 4 * len(self._buffer)))
        if capacity > _BUFFER and not self._limits.reserve(self._owner, capacity):
            self.wants_room = True
            return
        self.wants_room = False
        self._move(memoryview(bytearray(capacity)))

    def _move(self, buffer: memoryview) -> None:
        left = self._end - self._start
        buffer[:left] = self._buffer[self._start : self._end]
        self._buffer, self._start, self._end = buffer, 0, left

    def has_room(self) -> bool:
        """Ask again for memory; whether there is some now."""
        if self.wants_room:
            self._grow()
        return not self.wants_room

    def give_back(self) -> None:
        """Release the memory for frames, if no frame is arriving."""
        if self._start == self._end and len(self._buffer) > _BUFFER:
            self._buffer = memoryview(bytearray(_BUFFER))
            self._start = self._end = 0
            self._limits.release(self._owner)
