"""The question whether a command is to run with a mocked time, asked before it starts."""

import typer

from infra.cli.yes import require_terminal, require_yes
from infra.clock import utc_micros
from infra.log.cluster import connect
from infra.mocking import Mock, MockTimeTaken, counts, mock_of_tick, unheeded
from infra.namespaces import in_words
from infra.present import last_tick
from infra.settings import Settings
from schemas import utc


def agreed(site: Settings, *, ticks: bool, yes: bool) -> Mock | None:
    """Return the mocked time that a command runs with, agreed to; none if it runs with the true.

    One that is new begins at the yes. Raises `NobodyToAsk`, `NotAgreed`, `MockTimeTaken` and what
    `infra.mocking.counts` raises.
    """
    if not counts(site, ticks=ticks):
        if said := unheeded(site):
            typer.echo(f"evctl: {said}", err=True)
        return None
    mock_time = str(site.dates.mock_time)
    if not yes:
        require_terminal(
            f"dates.mock_time is {mock_time}, and there is no terminal to ask at whether that is "
            "meant: give --yes, or comment dates.mock_time out."
        )
    start, there = utc.parse(mock_time), mock_of_tick(last_tick(connect(site)))
    if there is not None and there.mock_time != start:
        raise MockTimeTaken(site.log.namespace, there.mock_time, start)
    typer.echo(f"evctl: {_sentence(site.log.namespace, start, there)}", err=True)
    if not yes:
        require_yes("Go on?", "Nothing was started: only y or yes goes on.")
    return there or Mock(start, start - utc_micros())


def _sentence(namespace: str, start: int, there: Mock | None) -> str:
    now = utc_micros()
    dates = f"go on from {utc.iso(there.at(now))}" if there else f"begin with {utc.iso(start)}"
    return (
        f"dates.mock_time is set: the dates of those who decide in {in_words(namespace)} {dates}, "
        f"while it is {utc.iso(now)}. Events and messages keep their true times."
    )
