"""`evctl schema diff`: what changed between two versions of an event."""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.options import examples
from schemas import catalogue
from schemas.changes import changes
from schemas.errors import EvctlError
from schemas.published_files import Published, published

EPILOG = examples(
    "evctl schema diff TcsEvent          the newest version and the one before",
    "evctl schema diff TcsEvent 1        version 1 and the newest",
    "evctl schema diff TcsEvent 1 2      two versions",
)


class NoSuchVersion(EvctlError):
    """An event has no such published version."""

    exit_code = 2

    def __init__(self, event: str, version: int, known: Sequence[int]) -> None:
        numbers = ", ".join(map(str, known)) or "none"
        super().__init__(f"{event} has no version {version}; published are: {numbers}.")
        self.event, self.version = event, version


def command(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event.")],
    old: Annotated[
        int | None,
        typer.Argument(
            metavar="OLD", help="A published version.", show_default="the one before NEW"
        ),
    ] = None,
    new: Annotated[
        int | None,
        typer.Argument(metavar="NEW", help="Another one.", show_default="the newest"),
    ] = None,
) -> None:
    """Say what changed between two published versions of an event, field by field."""
    versions = published().get(catalogue.event_class(event).__name__, ())
    known = [each.version for each in versions]
    if not known:
        raise NoSuchVersion(event, old or 1, known)
    later = _version(versions, known[-1] if new is None else new)
    earlier = _version(versions, max(1, later.version - 1) if old is None else old)
    if earlier == later:
        typer.echo(f"{event} {later.version}: the only version there is, or the same one twice")
        return
    typer.echo(f"{event}, from version {earlier.version} to {later.version}:")
    found = list(changes(earlier.schema, later.schema))
    for field, change in found:
        typer.echo(f"  {field or '(the event)'}: {change}")
    if not found:
        typer.echo("  nothing changed that records or people would notice")


def _version(versions: Sequence[Published], number: int) -> Published:
    for each in versions:
        if each.version == number:
            return each
    raise NoSuchVersion(versions[0].event, number, [each.version for each in versions])
