"""Which systems of the telescope have stopped speaking; people on duty are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from consumers import Service
from schemas.events.notices import NoticeRequested
from schemas.events.services import SettingsTookEffect
from schemas.events.silence import SystemFellSilent, SystemSpokeAgain
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

NAME = "silence"
NOTICE_VALID_S = 300
"""A notice that comes later than this says nothing of the present."""


@dataclass(frozen=True, slots=True)
class Heard:
    """When each system was last heard (µs), and which count as silent; `allowed` in s, 0: none."""

    last: Mapping[str, int]
    silent: Mapping[str, int]
    allowed: float


def service() -> Service[Heard]:
    """Return the service `silence`."""
    return Service(
        name=NAME,
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        initial=Heard(MappingProxyType({}), MappingProxyType({}), 0.0),
        decide=decide,
        evolve=evolve,
    )


def decide(state: Heard, record: AnyRecord) -> Sequence[Any]:
    """Say which system spoke again, or fell silent at a tick.

    By the tick's true time, also where time is mocked: events have theirs.
    """
    event = record.event
    if isinstance(event, TcsEvent):
        since = state.silent.get(event.system)
        return [] if since is None else [SystemSpokeAgain(event.data_time, event.system, since)]
    if isinstance(event, TimePassed) and state.allowed > 0:
        limit = event.time - round(state.allowed * MICROS)
        return [
            said
            for system, heard in sorted(state.last.items())
            if heard < limit and system not in state.silent
            for said in _fell_silent(system, heard, state.allowed, event.time)
        ]
    return []


def _fell_silent(system: str, heard: int, allowed: float, now: int) -> Sequence[Any]:
    quiet = (now - heard) // MICROS
    return (
        SystemFellSilent(now, system, heard, allowed),
        NoticeRequested(
            now,
            f"{system} is silent",
            f"{system} has sent no event for {quiet} s; {allowed:g} s are allowed.",
            now + NOTICE_VALID_S * MICROS,
        ),
    )


def evolve(state: Heard, record: AnyRecord) -> Heard:
    """Take note of what was heard and decided."""
    event = record.event
    if isinstance(event, TcsEvent):
        if state.last.get(event.system, event.data_time - 1) >= event.data_time:
            return state
        return replace(state, last={**state.last, event.system: event.data_time})
    if isinstance(event, SystemFellSilent):
        return replace(state, silent={**state.silent, event.system: event.last_heard})
    if isinstance(event, SystemSpokeAgain):
        left = {name: since for name, since in state.silent.items() if name != event.system}
        return replace(state, silent=left)
    if isinstance(event, SettingsTookEffect) and event.service == NAME:
        return replace(state, allowed=float(event.values["after"]))
    return state
