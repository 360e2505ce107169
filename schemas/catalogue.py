"""Every declared event class by its wire name, found by the folder `schemas/events`.

So are the upcasters, which stand beside their events.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

import schemas.events
from schemas.errors import EvctlError
from schemas.events.packets import Packet
from schemas.upcasting import Upcaster


class UnknownEvent(EvctlError):
    """No event class has this name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        near = get_close_matches(name, events(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(events()))}."
        super().__init__(f"There is no event named {name!r}; {hint}")
        self.name = name


@cache
def events() -> Mapping[str, type[Any]]:
    """Return every declared event class by wire name."""
    found: dict[str, type[Any]] = {}
    for name, member in _members():
        if not (isinstance(member, type) and is_dataclass(member)):
            continue
        if hasattr(member, "ORIGIN") and found.setdefault(name, member) is not member:
            raise TypeError(f"two event classes are named {name}")
    found.pop(Packet.__name__)
    return MappingProxyType(found)


@cache
def upcasters() -> tuple[Upcaster, ...]:
    """Return every upcaster."""
    return tuple(member for _, member in _members() if isinstance(member, Upcaster))


def _members() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(schemas.events.__path__, "schemas.events."):
        yield from vars(import_module(module.name)).items()


def event_class(name: str) -> type[Any]:
    """Return the event class of a wire name; raise `UnknownEvent` where there is none."""
    try:
        return events()[name]
    except KeyError:
        raise UnknownEvent(name) from None
