"""`evctl quarantine`: records that readers passed over, and what is decided about them."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import orjson
import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.rebuild import login_name, rebuild_views
from infra.cli.viewing import chosen_views
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.quarantine import reading, showing
from infra.quarantine.entries import Case, Entry, Status, parse_position
from infra.quarantine.errors import NotInQuarantine, NotRetried
from infra.quarantine.fates import Fates
from infra.quarantine.writing import MAX_REASON, Quarantine
from infra.serving import roles
from infra.settings import Settings
from schemas import utc
from schemas.record import Position
from schemas.topics import topic

app = typer.Typer(
    no_args_is_help=True, help="Look at records that readers passed over, and decide about them."
)
MAX_WHO = 100
"""Characters of a name that are kept."""

_BYTES = 256
_NONE = "nothing is in quarantine"


class Which(StrEnum):
    """Which entries are listed."""

    QUARANTINED = "quarantined"
    DROPPED = "dropped"
    RETRIED = "retried"
    ALL = "all"


Reader = Annotated[
    str, typer.Argument(metavar="READER", help="The view or service that passed the record over.")
]
_EVERY = "all"
Who = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decides.", show_default="the login name"),
]


@app.command(
    "list",
    epilog=examples(
        "evctl quarantine list",
        "evctl quarantine list tcs_latest --status all",
        "evctl quarantine list --topic alerts --json",
    ),
)
def list_(
    ctx: typer.Context,
    reader: Annotated[
        str | None,
        typer.Argument(
            metavar="[READER]", help="Only of this view or service.", show_default=False
        ),
    ] = None,
    status: Annotated[
        Which, typer.Option(help="Only those of which this became.")
    ] = Which.QUARANTINED,
    of_topic: Annotated[
        str | None,
        typer.Option("--topic", metavar="NAME", help="Only records of this topic."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List records that readers passed over.

    Unless told otherwise, those about which nobody has decided yet.
    """
    wanted = None if of_topic is None else topic(of_topic).name
    site = settings(ctx)
    cluster = connect(site)
    fates = _fates(cluster)
    if reader is not None:
        _require_reader(site, reader, fates)
    found = [
        entry
        for entry in fates.entries.of(reader)
        if wanted in {None, entry.case.topic} and status in {Which.ALL, entry.status}
    ]
    if as_json:
        sys.stdout.writelines(f"{_as_json(entry)}\n" for entry in found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _table(found))


@app.command(epilog=examples("evctl quarantine show tcs_latest 'observatory[0]@17'"))
def show(
    ctx: typer.Context,
    reader: Reader,
    position: Annotated[
        str, typer.Argument(metavar="RECORD", help="The record, as `evctl quarantine list` has it.")
    ],
    most: Annotated[
        int, typer.Option("--bytes", metavar="N", min=0, help="Show so many bytes of the value.")
    ] = _BYTES,
) -> None:
    """Show a record that a reader passed over.

    Why, where it stands, its headers, its key, its value decoded as far as that goes, and bytes.
    """
    where = parse_position(position)
    cluster = connect(settings(ctx))
    registry = Registry(cluster)
    entry = _fates(cluster, registry).entries.get(Case(reader, *where))
    if entry is None:
        raise NotInQuarantine(reader, where)
    lines = [f"{name + ':':<14}{text}" for name, text in showing.summary(entry)]
    if entry.at is not None:
        event = reading.bytes_of(cluster, registry, entry)
        lines += [f"{name + ':':<14}{text}" for name, text in showing.content(event, registry)]
        lines += showing.hexadecimal(event.value or b"", most)
    sys.stdout.writelines(f"{line}\n" for line in lines)


@app.command(
    epilog=examples(
        "evctl quarantine retry tcs_latest", "evctl quarantine retry tcs_events tcs_activity"
    )
)
def retry(
    ctx: typer.Context,
    readers: Annotated[
        list[str],
        typer.Argument(
            metavar="READER",
            help=f"Views to make anew, such as tcs_latest; `{_EVERY}` is each that waits for it.",
        ),
    ],
    who: Who = None,
    log_file: LogFile = None,
) -> None:
    """Try the records of views again: make the views anew from the log.

    The new tables are filled beside those that serve, and swapped in. That takes every record in
    that nobody dropped, or stops at the first that still can't be, and leaves the tables.
    """
    services = roles.names()
    if readers == [_EVERY]:
        cluster = connect(settings(ctx))
        waiting = {entry.case.reader for entry in _fates(cluster).waiting()}
        for service in waiting.intersection(services):
            typer.echo(NotRetried(service), err=True)
        readers = sorted(waiting.difference(services))
        if not readers:
            typer.echo("no view has anything in quarantine")
            return
    for reader in readers:
        if reader in services:
            raise NotRetried(reader)
    rebuild_views(ctx, readers, log_file, _name(who))


@app.command(
    epilog=examples(
        "evctl quarantine drop tcs_latest 'observatory[0]@17' --why 'test of the dome server'"
    )
)
def drop(
    ctx: typer.Context,
    reader: Annotated[
        str,
        typer.Argument(
            metavar="READER",
            help="The view or service that passed the records over; "
            f"`{_EVERY}` is each that waits for a decision about one.",
        ),
    ],
    positions: Annotated[
        list[str],
        typer.Argument(metavar="RECORD", help="Records, as `evctl quarantine list` has them."),
    ],
    *,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why the reader does without them.")],
    who: Who = None,
) -> None:
    """Decide that a reader does without records, for good.

    That is an event, with who and why; a rebuild passes over exactly these records.
    """
    site = settings(ctx)
    where = list(dict.fromkeys(parse_position(text) for text in positions))
    name, reason = _name(who), _bounded("--why", why, MAX_REASON)
    cluster = connect(site)
    quarantine = Quarantine(cluster, Registry(cluster))
    quarantine.fates.refresh()
    if reader == _EVERY:
        entries = _of_every_reader(quarantine.fates, where)
    else:
        _require_reader(site, reader, quarantine.fates)
        cases = [Case(reader, *position) for position in where]
        _require_passed(quarantine.fates, cases)
        entries = [reading.to_drop(cluster, quarantine.fates, case) for case in cases]
    for entry in entries:
        quarantine.drop(entry, name, reason)
        typer.echo(f"{entry.case.reader}: {entry.case.position} is dropped")
        if entry.status is not Status.QUARANTINED:
            typer.echo(
                f"It was not in quarantine: if {reader} shows it, `evctl rebuild {reader}` makes "
                "the tables without it.",
                err=True,
            )


def _require_passed(fates: Fates, cases: Sequence[Case]) -> None:
    """Raise `NotInQuarantine` where a service has decided about a record: that stays."""
    for case in cases:
        if case.reader in roles.names() and case not in fates.entries:
            raise NotInQuarantine(case.reader, case.position)


def _of_every_reader(fates: Fates, where: Sequence[Position]) -> list[Entry]:
    """Return what waits for a decision about records; raise `NotInQuarantine` if nothing does."""
    found = []
    for position in where:
        cases = [Case(reader, *position) for reader in sorted(fates.entries.readers)]
        known = [fates.entries[case] for case in cases if case in fates.entries]
        entries = [entry for entry in known if entry.status is Status.QUARANTINED]
        if not entries:
            raise NotInQuarantine("any reader", position)
        found += entries
    return found


def _fates(cluster: Cluster, registry: Registry | None = None) -> Fates:
    fates = Fates(cluster, registry or Registry(cluster))
    fates.refresh()
    return fates


def _require_reader(site: Settings, reader: str, fates: Fates) -> None:
    """Raise `UnknownView` for a name that no view has, nor any reader that passed a record over."""
    if reader not in roles.names() and not fates.knows(reader):
        chosen_views(site, [reader])


def _name(who: str | None) -> str:
    return _bounded("--who", who or login_name(), MAX_WHO)


def _bounded(option: str, text: str, most: int) -> str:
    said = text.strip()
    if not said or len(said) > most:
        raise typer.BadParameter(f"{option} takes 1 to {most:,} characters")
    return said


def _as_json(entry: Entry) -> str:
    data = asdict(entry)
    case = data.pop("case")
    reader, name, partition, offset = case
    times = {key: _iso(data.pop(key)) for key in ("quarantined", "changed")}
    position = {"topic": name, "partition": partition, "offset": offset}
    del data["steps"], data["at"]
    return orjson.dumps({"reader": reader, **position, **data, **times}).decode()


def _iso(micros: int | None) -> str | None:
    return None if micros is None else utc.iso(micros)


def _table(found: Sequence[Entry]) -> list[str]:
    """Return the entries as lines whose columns stand under each other."""
    if not found:
        return [_NONE]
    rows = [("READER", "RECORD", "STATUS", "SINCE", "WHY")]
    for entry in found:
        why = entry.reason if entry.status is Status.QUARANTINED else entry.why or entry.reason
        by = f"{entry.who}: " if entry.who else ""
        since = utc.iso(entry.changed)[:19] + "Z"
        rows.append(
            (entry.case.reader, str(entry.case.position), entry.status, since, f"{by}{why}")
        )
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    return [
        "  ".join([*(f"{row[at]:<{width}}" for at, width in enumerate(widths)), row[4]]).rstrip()
        for row in rows
    ]
