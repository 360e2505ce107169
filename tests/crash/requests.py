"""Requests as a client might send them, in every API and version, and what spoils them."""

import io
import random
import struct
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from datetime import timedelta
from functools import cache
from typing import Any, get_args
from uuid import UUID

from kio.index import load_request_schema
from kio.serial import entity_writer

from infra.broker.protocol.apis import APIS, Api
from tests.unit.broker.batches import batch

NAMES = ("fuzz", "fuzz-2", "group", "", "PLAIN", "consumer", "x" * 40, "no-such-topic")
NUMBERS = (0, 1, -1, -2, 2, 3, 7, 100, 127)
WIDE = (2**15 - 1, 2**31 - 1, -(2**31), 2**40, 2**63 - 1)
ANNOUNCED = (b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\x7f")
"""Lengths that no request has, in both encodings."""
_WIDTHS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint16": 15, "uint32": 31}


class Requests:
    """Draws requests; the same seed draws the same ones."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._apis = list(APIS.values())

    def valid(self) -> bytes:
        """Return a request of any API that decodes, whatever it asks for."""
        api = self._chance.choice(self._apis)
        version = self._chance.randint(api.lowest, api.highest)
        out = io.BytesIO()
        entity_type = load_request_schema(api.key, version)
        entity_writer(entity_type)(out, self._entity(entity_type))
        return header(api, version) + out.getvalue()

    def spoiled(self) -> bytes:
        """Return a request that is no longer what it was."""
        content = bytearray(self.valid())
        how = self._chance.randrange(6)
        if how == 0:
            for _ in range(self._chance.randint(1, 4)):
                at = self._chance.randrange(len(content))
                content[at] ^= 1 << self._chance.randrange(8)
        elif how == 1:
            del content[self._chance.randrange(len(content)) :]
        elif how == 2:
            content += self._chance.randbytes(self._chance.randint(1, 40))
        elif how == 3:
            content[2:4] = struct.pack(">h", self._chance.choice((-1, 0, 13, 99, 32767)))
        elif how == 4 and len(content) > 12:
            at = self._chance.randrange(8, len(content) - 3)
            content[at : at + 4] = self._chance.choice(ANNOUNCED)
        else:
            at = self._chance.randrange(len(content))
            content[at:at] = self._chance.randbytes(self._chance.randint(1, 8))
        return bytes(content)

    def garbage(self) -> bytes:
        """Return any bytes."""
        return self._chance.randbytes(self._chance.choice((0, 1, 3, 7, 8, 9, 20, 200, 5000)))

    def _entity(self, entity_type: Any, depth: int = 0) -> Any:
        return entity_type(**{f.name: self._value(f, depth) for f in fields(entity_type) if f.init})

    def _value(self, field: Field[Any], depth: int) -> Any:
        nested = _nested(field)
        nullable = type(None) in get_args(field.type)
        if nullable and self._chance.random() < 0.2:
            return None
        if nested is not None:
            item = nested
            if not any(getattr(c, "__origin__", None) is tuple for c in _candidates(field)):
                return self._entity(item, depth + 1)
            number = self._chance.choice((0, 1, 1, 1, 2, 3)) if depth < 3 else 1
            return tuple(self._entity(item, depth + 1) for _ in range(number))
        kind = field.metadata.get("kafka_type")
        if any(getattr(c, "__origin__", None) is tuple for c in _candidates(field)):
            return tuple(self._scalar(kind) for _ in range(self._chance.randrange(3)))
        return self._scalar(kind)

    def _scalar(self, kind: str | None) -> Any:
        chance = self._chance
        drawn = {
            "string": lambda: chance.choice(NAMES),
            "bytes": self._records,
            "records": self._records,
            "bool": lambda: chance.random() < 0.5,
            "uuid": lambda: UUID(int=chance.getrandbits(128)),
            "timedelta_i32": lambda: timedelta(milliseconds=chance.choice((0, 1, 20, 6000))),
            "timedelta_i64": lambda: timedelta(milliseconds=chance.choice((0, 1, 86_400_000))),
            "float64": chance.random,
        }
        return drawn[kind]() if kind in drawn else self._number(kind or "")

    def _number(self, kind: str) -> int:
        limit = 1 << (_WIDTHS[kind] - 1)
        drawn = self._chance.choice(NUMBERS + (WIDE if self._chance.random() < 0.1 else ()))
        return drawn if -limit <= drawn < limit else limit - 1

    def _records(self) -> bytes:
        """Return a batch, or what claims to be one; compressed ones hold no such thing."""
        how = self._chance.randrange(8)
        if how == 0:
            return self._chance.randbytes(self._chance.choice((0, 5, 61, 100)))
        codec = self._chance.choice((0, 0, 0, 1, 2, 3, 4, 5))
        records = batch(
            [self._chance.choice((0, 1, 10**12, 2**62))] * self._chance.randint(1, 3),
            codec=codec,
            pid=self._chance.choice((-1, 0, 1)),
            epoch=0,
            sequence=self._chance.choice((0, 1, 2**31 - 1)),
            magic=self._chance.choice((2, 2, 2, 2, 2, 1, 0)),
        )
        if how == 1:
            records[self._chance.randrange(len(records))] ^= 1
        return bytes(records)


def header(api: Api, version: int, correlation: int = 1) -> bytes:
    """Return the header of a request, from a client called f."""
    tags = b"\0" if version >= api.flexible_from else b""
    return struct.pack(">hhih", api.key, version, correlation, 1) + b"f" + tags


def _candidates(field: Field[Any]) -> Iterator[Any]:
    yield field.type
    yield from get_args(field.type)


@cache
def _nested_in(candidates: tuple[Any, ...]) -> Any:
    for candidate in (*candidates, *(a for c in candidates for a in get_args(c))):
        if isinstance(candidate, type) and is_dataclass(candidate):
            return candidate
    return None


def _nested(field: Field[Any]) -> Any:
    return _nested_in(tuple(_candidates(field)))
