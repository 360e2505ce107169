"""`evctl schema check`: can every version of every event read every other?"""

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.log.cluster import connect
from infra.log.registry import store_of
from infra.log.schema_store import Entry
from schemas import catalogue
from schemas.avro import fingerprint_of, schema_of
from schemas.changes import changes
from schemas.compatibility import between, faults
from schemas.declare import AVRO_NAMESPACE
from schemas.language import Language, todays

EPILOG = examples(
    "evctl schema check                       all events, and what is on the log",
    "evctl schema check TcsEvent --offline    one event, its files alone",
)
_FAULTY = 1


def command(
    ctx: typer.Context,
    event: Annotated[
        str | None, typer.Argument(metavar="EVENT", help="Check this event only.")
    ] = None,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Compare with the published files; ask no log.")
    ] = False,
) -> None:
    """Say which versions of an event can't read each other, and which field is at fault.

    The classes of this program are compared with every published version, in both directions, and
    with what is on `_schemas` or in the registry. Ends with 0 if all is well, else with 1.
    """
    language = todays()
    names = sorted(language.classes) if event is None else [catalogue.event_class(event).__name__]
    found = [line for name in names for line in published_faults(language, name)]
    kept = ""
    if not offline:
        store = store_of(connect(settings(ctx)))
        found += kept_faults(language, names, store.entries(), store.name)
        kept = f" and {store.name}"
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(_FAULTY)
    versions = sum(len(language.versions[name]) for name in names)
    what = f"events: {len(names)}, versions: {versions}"
    typer.echo(f"ok: {what}; each reads every other (published files{kept})")


def published_faults(language: Language, name: str) -> Iterator[str]:
    """Yield what is wrong with an event's class and its published versions, a line each."""
    for fault in faults(language, name):
        yield f"{name}: {fault}"
    versions = language.versions.get(name, ())
    if not versions or versions[-1].schema != schema_of(language.classes[name]):
        after = f"differs from version {versions[-1].version}" if versions else "has no version"
        yield f"{name}: the class {after} and is not published; run `make schemas`"


def kept_faults(
    language: Language, names: Iterable[str], entries: Iterable[Entry], where: str
) -> Iterator[str]:
    """Yield what is wrong with the versions of our events that are kept beside a log."""
    subjects = {f"{AVRO_NAMESPACE}.{name}": name for name in names}
    for entry in entries:
        name = subjects.get(entry.subject)
        if name is None:
            continue
        ours = {each.version: each.schema for each in language.versions.get(name, ())}
        prints = {fingerprint_of(schema) for schema in ours.values()}
        if fingerprint_of(entry.schema) in prints:
            continue
        told = f"{name}: version {entry.version} of {where} (id {entry.id})"
        if entry.version in ours:
            for field, change in changes(ours[entry.version], entry.schema):
                about = f"field {field}" if field else "the event"
                yield f"{told} is not the published version {entry.version}: {about}: {change}"
        newest = max(ours, default=0)
        schema = schema_of(language.classes[name])
        here, there = newest, max(entry.version, newest + 1)
        for fault in [
            *between(here, schema, there, entry.schema),
            *between(there, entry.schema, here, schema),
        ]:
            yield f"{told}, unknown to this program: {fault}"
