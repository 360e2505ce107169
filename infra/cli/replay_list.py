"""`evctl replay list`: the replays whose topics are on the log."""

import sys
from typing import Annotated

import orjson
import typer

from infra.cli.columns import in_columns
from infra.cli.context import settings
from infra.cli.options import examples
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.replay.outcome import Account
from infra.replay.remains import Left, listed
from schemas import utc

EPILOG = examples("evctl replay list", "evctl replay list --json")
_HEADINGS = ("REPLAY", "BEGAN", "STATE", "RECORDS", "WINDOW")


def command(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the replays that are on the log: when each began, how it ended, what it holds.

    Records are those on its topics, decisions of services there among them. Nobody is asked
    whether a replay that has said nothing of its end is under way: `evctl replay ctl ID status`.
    """
    cluster = connect(settings(ctx))
    found = listed(cluster, Registry(cluster))
    if as_json:
        sys.stdout.writelines(f"{_as_json(left)}\n" for left in found)
    elif not found:
        typer.echo("no replay is on the log")
    else:
        rows = [_HEADINGS, *map(_row, found)]
        sys.stdout.writelines(f"{line}\n" for line in in_columns(rows))


def _row(left: Left) -> tuple[str, ...]:
    started, _ = left.account
    began = "" if started is None else f"{utc.iso(started.time)[:19]}Z"
    window = "" if started is None else started.window
    return left.replay, began, _state(left.account), f"{left.records:,}", window


def _state(account: Account) -> str:
    if account.started is None:
        return "not begun"
    if account.finished is None:
        return "under way, or killed"
    return "complete" if account.finished.complete else "stopped"


def _as_json(left: Left) -> str:
    started, _ = left.account
    said = {
        "replay": left.replay,
        "began": None if started is None else utc.iso(started.time),
        "state": _state(left.account),
        "records": left.records,
        "window": None if started is None else started.window,
    }
    return orjson.dumps(said).decode()
