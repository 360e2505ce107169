"""`evctl replay ctl`: commands to a replay that is under way, from another terminal."""

from collections.abc import Sequence
from typing import Annotated

import orjson
import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.words import negatives_last
from infra.log.cluster import connect
from infra.replay.asking import answer_to, as_json, said
from infra.replay.commands import USAGES, parse

EPILOG = examples(
    "evctl replay ctl rehearsal pause",
    "evctl replay ctl rehearsal seek 2026-11-20T03:00",
    "evctl replay ctl rehearsal seek -10m",
    "evctl replay ctl rehearsal burst 100",
    "evctl replay ctl rehearsal until +1h30m",
    "evctl replay ctl rehearsal status --json",
)


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that a way back, such as `-10m`, is no option."""
    return negatives_last(words)


def command(
    ctx: typer.Context,
    replay: Annotated[str, typer.Argument(metavar="ID", help="The id of the replay.")],
    words: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help=f"One of: {', '.join(USAGES)}.")
    ],
    *,
    timeout: Annotated[
        float,
        typer.Option("-t", "--timeout", metavar="S", min=0, help="Wait so long for the answer."),
    ] = 10.0,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell a replay that is under way what to do, and print how it stands then.

    Requests and answers are records on its topic replay.control. What is refused ends with 66, for
    instance a place outside of what is played; no answer in time with 69.
    """
    text = " ".join(words)
    parse(text)
    done = answer_to(connect(settings(ctx), start=False), replay, text, timeout)
    typer.echo(orjson.dumps(as_json(done)) if json_wanted else said(done))
