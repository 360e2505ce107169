"""`evctl seal`: a night written down, so that any later change of it is found."""

from typing import Annotated

import typer

from infra import clock
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.viewing import patience, sealing_site
from infra.counting import counted
from infra.indexing import nights_of
from infra.logs import configure
from infra.sealing.making import seal
from infra.settings import Settings

EPILOG = examples("evctl seal 2026-11-20")


def command(
    ctx: typer.Context,
    night: Annotated[
        str, typer.Argument(metavar="NIGHT", help="The night's date, such as 2026-11-20.")
    ],
    *,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew", help="Seal it though the log has lost or changed what was sealed before."
        ),
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Write down what the log and the tables have of a night.

    For each partition the offsets, the number and digests of its records; for each view a digest
    and a snapshot; the schemas. It is kept on the topic `seals` and in `seals.directory`, and
    `evctl verify NIGHT` compares with it from then on. The tables have to show all of the night,
    and are proven first. Sealed again, a night that has not changed stays as it is; after late
    records it gets a new version. Where the log lacks records that were sealed, or has other ones,
    no new version hides that, unless you say `--anew`.
    """
    site = settings(ctx)
    configure(site.logging, "seal", log_file)
    _say_if_early(site, night)
    with progress(f"sealing {night}", None) as advance:
        done = seal(sealing_site(site, advance, patience(site)), night, anew=anew)
    found = done.seal
    if done.made:
        typer.echo(
            f"{night}: sealed as version {found.version}, {counted(found.records, 'record')}"
        )
    else:
        typer.echo(f"{night}: sealed already as version {found.version}; nothing has changed since")


def _say_if_early(site: Settings, night: str) -> None:
    _, end = nights_of(site).bounds(night)
    if clock.utc_micros() < end:
        typer.echo(f"{night} is not over: what comes from now on is late to this seal", err=True)
