"""The schema versions that were ever published: `schemas/published/NAME.vN.avsc`."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from schemas.avro import Schema


class Published(NamedTuple):
    """One version of an event's schema, as it went on the wire."""

    event: str
    version: int
    schema: Schema


@cache
def published() -> Mapping[str, Sequence[Published]]:
    """Return all published versions of each event's schema, oldest first."""
    found: dict[str, list[Published]] = {}
    for file in files("schemas").joinpath("published").iterdir():
        if file.name.endswith(".avsc"):
            event, version = file.name.removesuffix(".avsc").rsplit(".v", 1)
            schema = json.loads(file.read_text(encoding="utf-8"))
            found.setdefault(event, []).append(Published(event, int(version), schema))
    return {event: sorted(versions, key=lambda v: v.version) for event, versions in found.items()}


def newest(event: str) -> Published:
    """Return the newest published version of an event's schema."""
    return published()[event][-1]
