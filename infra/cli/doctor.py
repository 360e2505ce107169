"""`evctl doctor`: what is installed, reachable and misconfigured, and the mend."""

from collections.abc import Iterator

import typer

from infra.cli import checkup, reachable, stored
from infra.cli.checkup import Finding, Verdict
from infra.cli.context import loaded
from infra.cli.options import examples
from infra.settings import SettingsError, SiteFileMissing

EPILOG = examples("evctl doctor", "evctl doctor --site-file het.yaml")


def command(ctx: typer.Context) -> None:
    """Look at everything evctl needs, and say how to mend what is wrong.

    Each line says ok, warn or FAIL. Ends with 0, or with 1 if any line says FAIL. Nothing is
    started or changed.
    """
    failed = 0
    for finding in _findings(ctx):
        failed += finding.verdict is Verdict.FAIL
        typer.echo(f"{finding.verdict:<4}  {finding.about}: {finding.text}")
        if finding.mend:
            typer.echo(f"      {finding.mend}")
    if failed:
        raise typer.Exit(1)


def _findings(ctx: typer.Context) -> Iterator[Finding]:
    yield from checkup.machine()
    try:
        found = loaded(ctx)
    except SettingsError as error:
        for fault in error.faults:
            yield Finding(Verdict.FAIL, "settings", str(fault), "Mend it, then run doctor again.")
        return
    except SiteFileMissing as error:
        yield Finding(Verdict.FAIL, "site file", str(error))
        return
    yield from checkup.site(found)
    yield reachable.log(found.settings)
    yield from reachable.registry(found.settings)
    yield from reachable.numbers(found.settings)
    answers = list(reachable.database(found.settings))
    yield from answers
    if all(answer.verdict is not Verdict.FAIL for answer in answers):
        yield from stored.tables(found.settings)
