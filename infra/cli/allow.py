"""`evctl allow`: whether the orchestrator may run shots."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from infra.cli.addresses import say_unneeded
from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.rebuild import login_name
from infra.cli.words import options_first
from infra.log.cluster import connect
from infra.orchestrating.asking import Asker, Patience, Question
from infra.signals import stopping
from schemas.events.orchestrator import ALLOWANCE, AllowanceChanged

EPILOG = examples(
    "evctl allow start",
    "evctl allow stop",
    "evctl allow start --max-attempts 10 --interval 0.5",
)

MaxAttempts = Annotated[
    int,
    typer.Option(
        "-n",
        "--max-attempts",
        metavar="N",
        min=1,
        max=10_000,
        help="Ask for the confirmation so often.",
    ),
]
Interval = Annotated[
    float,
    typer.Option(
        "-I", "--interval", metavar="S", min=0.05, max=3600, help="Seconds between two attempts."
    ),
]

_VALUED = {"-n", "--max-attempts", "-I", "--interval", "-N", "--n-ocd-allow-hetdex", "--who"}
_LISTING = {"-o", "--ocd-allow-hetdex", "-i", "--ocd-main-loop"}


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that several addresses may follow one option."""
    return options_first(words, _VALUED, _LISTING)


def command(
    ctx: typer.Context,
    wish: Annotated[
        Literal["start", "stop"],
        typer.Argument(
            metavar="start|stop",
            help="start: shots may be run. stop: no new shot is begun, even if the conditions are "
            "good; one that is running finishes.",
        ),
    ],
    *,
    max_attempts: MaxAttempts = 5,
    interval: Interval = 1.0,
    who: Annotated[
        str, typer.Option(metavar="NAME", help="Who asks. [default: the login name]")
    ] = "",
    ocd_allow_hetdex: Annotated[
        list[str] | None,
        typer.Option("-o", "--ocd-allow-hetdex", metavar="URL", help="As in OCD; not needed."),
    ] = None,
    ocd_main_loop: Annotated[
        list[str] | None,
        typer.Option("-i", "--ocd-main-loop", metavar="URL", help="As in OCD; not needed here."),
    ] = None,
    n_ocd_allow_hetdex: Annotated[
        int | None,
        typer.Option("-N", "--n-ocd-allow-hetdex", metavar="N", help="As in OCD; not needed."),
    ] = None,
) -> None:
    """Allow the orchestrator to run shots, or forbid it, and wait for its confirmation.

    Without one after all attempts nothing is changed, now or later, and the exit code is 69.
    """
    say_unneeded(
        ocd_allow_hetdex=ocd_allow_hetdex,
        ocd_main_loop=ocd_main_loop,
        n_ocd_allow_hetdex=n_ocd_allow_hetdex,
    )
    site = settings(ctx)
    asker, who = Asker(site, connect(site)), who or login_name()
    with stopping() as stop:
        answer = asker.agreed(
            Question(ALLOWANCE, wish, who),
            Patience(max_attempts, interval),
            stop,
            lambda now, token: AllowanceChanged(now, token, wish == "start", who),
        )
    may = "may be run" if wish == "start" else "are not begun any more"
    typer.echo(f"Shots {may} from now on. Before: {answer.reason}.")
