"""TCS events as they travel over ZeroMQ: a frame with the name, and one with JSON of the members.

The name is `system.source.key`, exactly three parts; the members are the six reserved ones and the
values flat beside them.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from producers import json_text
from producers.errors import MISSING, Unfit
from producers.tcs_members import RESERVED, members_of, take_reserved
from schemas.events.tcs import TcsEvent

_RESERVED = frozenset(RESERVED)
_RECORDINGS_OWN = ("__id", "__original_text")
"""What JSON Lines has beside the members: a value of such a name could not be exported again."""

_SHOWN = 80


class Misfit(StrEnum):
    """Why a message is no TCS event, or an event no message."""

    FRAMES = "not of two frames"
    TEXT = "not UTF-8"
    NAME = "name not of three parts"
    JSON = "not a JSON object"
    MEMBERS = "members that no event has"
    TWO_NAMES = "name and members disagree"


class NotOnWire(ValueError):
    """What is at hand is no TCS event as the wire has them; `detail` says what is in its place."""

    def __init__(self, misfit: Misfit, detail: str) -> None:
        super().__init__(misfit, detail)
        self.misfit = misfit
        self.detail = detail if len(detail) <= _SHOWN else f"{detail[: _SHOWN - 1]}…"


def parse(frames: Sequence[bytes]) -> TcsEvent:
    """Return the event of a message; raise `NotOnWire`."""
    if len(frames) != 2:
        raise NotOnWire(Misfit.FRAMES, f"{len(frames)} frames")
    try:
        name, text = frames[0].decode(), frames[1].decode()
    except UnicodeDecodeError as fault:
        raise NotOnWire(Misfit.TEXT, str(fault)) from None
    if name.count(".") != 2:
        raise NotOnWire(Misfit.NAME, repr(name))
    try:
        event = json_text.read(text, _event)
    except Unfit as unfit:
        raise _misfit(unfit) from None
    if event.topic != name:
        raise NotOnWire(Misfit.TWO_NAMES, f"{event.topic} under {name}")
    return event


def frames_of(event: TcsEvent) -> tuple[bytes, bytes]:
    """Return the message of an event; raise `NotOnWire`.

    Times are text. A value that was recorded in another spelling goes out as the value it is.
    """
    name = event.topic
    if name.count(".") != 2:
        raise NotOnWire(Misfit.NAME, repr(name))
    if not _RESERVED.isdisjoint(event.values):
        raise NotOnWire(Misfit.MEMBERS, f"a value of {name} has a reserved name")
    return name.encode(), json_text.write_object(members_of(event, dict(event.original_text)))


def _event(members: Any, exact: bool) -> TcsEvent:
    if type(members) is not dict:
        raise Unfit("", members, "a JSON object")
    for name in _RECORDINGS_OWN:
        if name in members:
            raise Unfit(name, members[name], "a name that recordings leave to values")
    event = take_reserved(members, members, {})
    json_text.check(members, exact)
    return event


def _misfit(unfit: Unfit) -> NotOnWire:
    if not unfit.field:
        return NotOnWire(Misfit.JSON, unfit.expected)
    if unfit.value is MISSING:
        return NotOnWire(Misfit.MEMBERS, f"without {unfit.field}")
    return NotOnWire(Misfit.MEMBERS, f"{unfit.field} is not {unfit.expected}")
