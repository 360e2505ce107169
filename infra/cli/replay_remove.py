"""`evctl replay remove`: what replays have left on the log and in the database goes."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.yes import require_terminal, require_yes
from infra.counting import counted
from infra.indexing import open_database
from infra.log.cluster import connect
from infra.replay.remains import Remains, refuse_in_use, remains_of, remove

EPILOG = examples(
    "evctl replay remove rehearsal                   show what would go, and ask",
    "evctl replay remove rehearsal evening --yes",
)


def command(
    ctx: typer.Context,
    replays: Annotated[
        list[str], typer.Argument(metavar="ID", help="Replays, as `evctl replay list` has them.")
    ],
    *,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Remove without being asked.")] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "-t",
            "--timeout",
            metavar="S",
            min=0,
            help="A player that gives no answer for so many seconds counts as killed.",
        ),
    ] = 10.0,
) -> None:
    """Remove what replays have left: their topics, consumer groups, and tables in the database.

    Shows first what would go, by name, and asks. Nothing goes while one of them is in use: the
    player answers, or a consumer group has members that read it. What reads without a group, such
    as `evctl tail`, is not seen. The ids are free then.
    """
    site = settings(ctx)
    cluster = connect(site)
    with closing(open_database(site)) as database:
        found = [remains_of(cluster, database, replay) for replay in dict.fromkeys(replays)]
        for remains in found:
            refuse_in_use(cluster, remains, timeout)
        for remains in found:
            for line in _lines(remains):
                typer.echo(line)
        if not yes:
            _ask()
        for remains in found:
            remove(cluster, database, remains)
            typer.echo(f"{remains.replay}: removed")


def _lines(remains: Remains) -> Iterator[str]:
    kinds = (
        ("topic", remains.topics),
        ("consumer group", remains.groups),
        ("table", remains.tables),
    )
    yield f"{remains.replay}: {', '.join(counted(len(names), what) for what, names in kinds)}"
    for what, names in kinds:
        yield from _named(what, names)


def _named(what: str, names: Sequence[str]) -> Iterator[str]:
    return (f"  {what} {name}" for name in names)


def _ask() -> None:
    require_terminal(
        "Nothing was removed: there is no terminal to ask at whether that may go; give --yes."
    )
    require_yes("Remove that?", "Nothing was removed: only y or yes removes.")
