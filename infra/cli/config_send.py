"""`evctl config send`: another value of an option, while the orchestrator runs."""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.addresses import say_unneeded
from infra.cli.allow import Interval, MaxAttempts
from infra.cli.context import settings
from infra.cli.options import examples
from infra.cli.rebuild import login_name
from infra.cli.words import options_first
from infra.log.cluster import connect
from infra.orchestrating.asking import Asker, Patience, Question
from infra.orchestrating.options import modifiable
from infra.serving.roles import as_text
from infra.signals import stopping
from schemas.events.orchestrator import OPTION, OptionChanged

EPILOG = examples(
    "evctl config send orchestrator seeing_limit 2.0",
    "evctl config send orchestrator sun_below -15",
    "evctl config send run_shot wait_last_write no",
)
_VALUED = {"-n", "--max-attempts", "-I", "--interval", "-N", "--n-ocd-config-hetdex", "--who"}
_LISTING = {"-o", "--ocd-config", "-i", "--ocd-main-loop"}


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that a negative value is no option."""
    return options_first(words, _VALUED, _LISTING)


def command(
    ctx: typer.Context,
    section: Annotated[str, typer.Argument(help="The section, such as orchestrator.")],
    option: Annotated[str, typer.Argument(help="The option in it.")],
    value: Annotated[str, typer.Argument(help="The new value.")],
    *,
    max_attempts: MaxAttempts = 5,
    interval: Interval = 1.0,
    who: Annotated[
        str, typer.Option(metavar="NAME", help="Who asks. [default: the login name]")
    ] = "",
    ocd_config: Annotated[
        list[str] | None,
        typer.Option("-o", "--ocd-config", metavar="URL", help="As in OCD; not needed here."),
    ] = None,
    ocd_main_loop: Annotated[
        list[str] | None,
        typer.Option("-i", "--ocd-main-loop", metavar="URL", help="As in OCD; not needed here."),
    ] = None,
    n_ocd_config_hetdex: Annotated[
        int | None,
        typer.Option("-N", "--n-ocd-config-hetdex", metavar="N", help="As in OCD; not needed."),
    ] = None,
) -> None:
    """Send a new value of an option to the orchestrator, and wait for its confirmation.

    It counts until the orchestrator is started anew; the site file is not changed. Options that are
    static or locked are refused with the reason. Without a confirmation after all attempts nothing
    is changed, now or later, and the exit code is 69.
    """
    say_unneeded(
        ocd_config=ocd_config,
        ocd_main_loop=ocd_main_loop,
        n_ocd_config_hetdex=n_ocd_config_hetdex,
    )
    site = settings(ctx)
    checked = as_text(modifiable(section, option, value))
    asker, who = Asker(site, connect(site)), who or login_name()
    wish = f"{section}.{option}={checked}"
    with stopping() as stop:
        asker.agreed(
            Question(OPTION, wish, who),
            Patience(max_attempts, interval),
            stop,
            lambda now, token: OptionChanged(now, token, section, option, checked, who),
        )
    typer.echo(f"{section}.{option} is {checked} from now on, until the orchestrator starts anew.")
