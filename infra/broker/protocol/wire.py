"""Primitive types of the Kafka protocol, in the fixed and the flexible (compact) encoding."""

from struct import Struct
from uuid import UUID

from infra.broker.errors import MalformedFrame

_I8 = Struct(">b")
_I16 = Struct(">h")
_I32 = Struct(">i")
_I64 = Struct(">q")


class Reader:
    """A cursor over one request; `flexible` selects compact strings, arrays and tagged fields."""

    __slots__ = ("buf", "flexible", "pos")

    def __init__(self, buf: memoryview, pos: int = 0, *, flexible: bool = False) -> None:
        self.buf = buf
        self.pos = pos
        self.flexible = flexible

    def i8(self) -> int:
        """Read a signed byte."""
        value: int = _I8.unpack_from(self.buf, self.pos)[0]
        self.pos += 1
        return value

    def i16(self) -> int:
        """Read a signed 16-bit number."""
        value: int = _I16.unpack_from(self.buf, self.pos)[0]
        self.pos += 2
        return value

    def i32(self) -> int:
        """Read a signed 32-bit number."""
        value: int = _I32.unpack_from(self.buf, self.pos)[0]
        self.pos += 4
        return value

    def i64(self) -> int:
        """Read a signed 64-bit number."""
        value: int = _I64.unpack_from(self.buf, self.pos)[0]
        self.pos += 8
        return value

    def uvarint(self) -> int:
        """Read an unsigned number of variable length."""
        value = shift = 0
        while True:
            byte = self.buf[self.pos]
            self.pos += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise MalformedFrame("a number of variable length has more than 9 bytes")

    def view(self, length: int) -> memoryview:
        """Return the next `length` bytes without copying them."""
        end = self.pos + length
        if length < 0 or end > len(self.buf):
            raise MalformedFrame(f"{length} bytes announced, {len(self.buf) - self.pos} are left")
        part = self.buf[self.pos : end]
        self.pos = end
        return part

    def nullable_string(self) -> str | None:
        """Read a text or null."""
        length = self.uvarint() - 1 if self.flexible else self.i16()
        return None if length < 0 else str(self.view(length), "utf-8")

    def string(self) -> str:
        """Read a text that must not be null."""
        text = self.nullable_string()
        if text is None:
            raise MalformedFrame("null where a text must be")
        return text

    def nullable_bytes(self) -> memoryview | None:
        """Read bytes or null, without copying them."""
        length = self.uvarint() - 1 if self.flexible else self.i32()
        return None if length < 0 else self.view(length)

    def count(self) -> int:
        """Read the length of an array, −1 for null; each entry takes at least a byte."""
        length = self.uvarint() - 1 if self.flexible else self.i32()
        if length > len(self.buf) - self.pos:
            raise MalformedFrame(
                f"{length} entries announced, {len(self.buf) - self.pos} bytes are left"
            )
        return length

    def uuid(self) -> UUID:
        """Read a UUID."""
        return UUID(bytes=bytes(self.view(16)))

    def skip_tags(self) -> None:
        """Pass over tagged fields, if this version has them."""
        if self.flexible:
            for _ in range(self.uvarint()):
                self.uvarint()
                self.view(self.uvarint())


def uvarint(value: int) -> bytes:
    """Encode an unsigned number of variable length."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def count(value: int, flexible: bool) -> bytes:
    """Encode the length of an array, −1 for null."""
    return uvarint(value + 1) if flexible else _I32.pack(value)


def string(text: str | None, flexible: bool) -> bytes:
    """Encode a text or null."""
    if text is None:
        return b"\0" if flexible else b"\xff\xff"
    data = text.encode()
    return (uvarint(len(data) + 1) if flexible else _I16.pack(len(data))) + data


def tags(flexible: bool) -> bytes:
    """Encode "no tagged fields"."""
    return b"\0" if flexible else b""
