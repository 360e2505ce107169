"""Whether every version of an event can read every other, and if not, what to do about which field.

`schemas.resolving` says how a version is read with another, `schemas.differences` what is in the
way; here all versions are judged in both directions, and a person is told how to mend it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from schemas.avro import Schema, fingerprint_of, schema_of
from schemas.differences import Difference, Kind, differences
from schemas.fitting import DoesNotFit, fit
from schemas.language import Language
from schemas.resolving import default_of, source_of


class Fault(NamedTuple):
    """Why one version can't read another: the field (empty: the whole), the reason, the mend."""

    reader: int
    writer: int
    field: str
    kind: Kind
    why: str
    mend: str

    def __str__(self) -> str:
        between = f"version {self.reader} can't read version {self.writer}"
        if self.reader == self.writer:
            between = f"version {self.reader}"
        where = f"field {self.field}: " if self.field else ""
        return f"{between}: {where}{self.why}; {self.mend}"


def faults(language: Language, event: str) -> Iterator[Fault]:
    """Yield why a version of an event can't read another, its class of today among them.

    A class that is not published yet is the next version.
    """
    versions = {each.version: each.schema for each in language.versions.get(event, ())}
    cls = language.classes.get(event)
    newest = max(versions, default=0)
    if cls is not None and versions.get(newest) != schema_of(cls):
        newest += 1
        versions[newest] = schema_of(cls)
    steps = {each.version for each in language.upcasters if each.event == event}
    yield from _upcaster_faults(versions, steps)
    for number, schema in versions.items():
        yield from _own_faults(number, schema)
    for reader, writer in permutations(versions, 2):
        if writer < reader and writer in steps:
            continue  # read as the version that its upcaster leads to
        yield from between(reader, versions[reader], writer, versions[writer])


def between(reader: int, ours: Schema, writer: int, theirs: Schema) -> Iterator[Fault]:
    """Yield why one version can't read another."""
    first = ours["fields"][0]
    source = source_of(first, ours, theirs)
    if source is None or source["name"] != theirs["fields"][0]["name"]:
        why = "it is the event's time, read from the first bytes alone, and is not first there"
        yield Fault(reader, writer, first["name"], Kind.NAME, why, "leave the event's time first")
    for found in differences(ours, theirs):
        yield Fault(reader, writer, *found, _mend(found, reader, writer))


def _mend(found: Difference, reader: int, writer: int) -> str:
    newer = reader > writer
    match found.kind:
        case Kind.MISSING if newer:
            return f'give it a default, or `Was("…")` if it had another name in version {writer}'
        case Kind.MISSING:
            return (
                f"only a field with a default may go: keep it in the class, or mark the field that "
                f'replaces it `Was("{found.field}")`'
            )
        case Kind.NARROWED if not newer:
            return "mark it `Widened(int)`, and older programs read it rounded"
        case Kind.TYPE | Kind.NARROWED | Kind.MEANING:
            return "keep it as it was, and add a field of another name, with a default"
        case _:
            return "a name that was used is not used for anything else: take another one"


def _own_faults(number: int, schema: Schema) -> Iterator[Fault]:
    """Yield what is wrong in a version by itself."""
    names = {field["name"] for field in schema["fields"]}
    for field in schema["fields"]:
        for former in names & set(field.get("aliases", ())):
            why = f"{former} is its former name and another field, too"
            mend = "a name that was used is not used for anything else: take another one"
            yield Fault(number, number, field["name"], Kind.NAME, why, mend)
        if "default" in field:
            kind = field["type"]
            first = kind[0] if isinstance(kind, list) else kind
            try:
                fit(first, default_of(field))
            except DoesNotFit as fault:
                why = f"its default {field['default']!r} is not {fault.expected}"
                yield Fault(number, number, field["name"], Kind.DEFAULT, why, "mend it")


def _upcaster_faults(versions: Mapping[int, Schema], steps: set[int]) -> Iterator[Fault]:
    for number in sorted(steps):
        if number not in versions or number + 1 not in versions:
            why = f"there is an upcaster of it, but not both of versions {number} and {number + 1}"
            mend = f"published are {_list(sorted(versions))}"
            yield Fault(number, number, "", Kind.VERSION, why, mend)
        elif fingerprint_of(versions[number]) == fingerprint_of(versions[number + 1]):
            why = f"it differs from version {number + 1} in units, defaults or words only, so that "
            why += "records of both name one schema id and its upcaster can't tell them apart"
            mend = "take another name for the field whose meaning changed"
            yield Fault(number, number, "", Kind.VERSION, why, mend)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
