"""How `evctl replay` plays: when, how fast, for whom, and under which name."""

from typing import Annotated

import typer

Speed = Annotated[
    str,
    typer.Option(
        "-s",
        "--speed",
        "--speedup",
        metavar="FACTOR|max",
        help="1 is real time, 10 is ten times as fast.",
    ),
]
Paused = Annotated[
    bool, typer.Option("--paused", help="Begin paused, in front of the first record.")
]
Loop = Annotated[
    bool,
    typer.Option("--loop", "--serve-forever", help="Begin anew after the end, until Ctrl+C."),
]
SkipGaps = Annotated[
    str | None,
    typer.Option(metavar="SPAN", help="Wait through a gap as if it had this length at most."),
]
WaitFor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Begin when this listens: what `evctl run` has, such as projections, in the "
        "replay's namespace, or a consumer group; may be given again.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "-t", "--timeout", metavar="S", min=0, help="Wait so many seconds for it, then abort."
    ),
]
RequireLateness = Annotated[
    str | None,
    typer.Option(
        metavar="SPAN",
        help="End with 1 if the lateness that 99 % of the records kept (p99) is more, as 5ms.",
    ),
]
Id = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="ID", help="Name of the replay.", show_default="made from the time"
    ),
]
Unneeded = Annotated[
    list[str] | None,
    typer.Option("--ocd-db-replay", metavar="URL", help="As in OCD; not needed here."),
]
