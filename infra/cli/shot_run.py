"""`evctl shot run`: one shot, asked for by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.cli import shot_order
from infra.cli.addresses import say_unneeded
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.shot_by_hand import ByHand
from infra.cli.shot_order import YesNo, absolute, truth
from infra.cli.words import options_first
from infra.logs import configure
from schemas.events.shots import ShotOrder

EPILOG = examples(
    "evctl shot run HS0050 12 11.5 53.2 68.4 0 360 360 360",
    "evctl shot run HS0051 13 11:03:54 -4:15:00 120 1 360 360 360 -e -c",
    'evctl shot run -m \'{"QIFU": "000"}\' HS0050 12 11.5 53.2 68.4 0 360 360 360',
    "evctl shot run --wait 1800 HS0050 12 11.5 53.2 68.4 0 360 360 360",
)
_VALUED = {
    *("-t", "--timeout", "-m", "--metadata", "-d", "--dither-with-probes", "-w", "-N", "-l"),
    *("--wait-last-write", "--shuffle-shot", "--shuffle-conf-template", "--acam-dest-file"),
    *("--n-ocd-run-shot", "--wait", "--log-file"),
}
_LISTING = {"--ocd-run-shot"}


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that a negative declination is no option."""
    return options_first(words, _VALUED, _LISTING)


def command(
    ctx: typer.Context,
    *,
    shotid: Annotated[
        str, typer.Argument(metavar="shotid", parser=shot_order.shot_id, help="Id of the shot.")
    ],
    obs_number: Annotated[
        int,
        typer.Argument(
            metavar="obs_number",
            parser=shot_order.obs_number,
            help="Number of the observation: it names the directory of the FITS files.",
        ),
    ],
    ra: Annotated[
        float,
        typer.Argument(
            metavar="ra",
            parser=shot_order.right_ascension,
            help="Right ascension, hours (11.065 or 11:03:54).",
        ),
    ],
    dec: Annotated[
        float,
        typer.Argument(
            metavar="dec",
            parser=shot_order.declination,
            help="Declination, degrees (-4.25 or -4:15:00).",
        ),
    ],
    azimuth: Annotated[
        float,
        typer.Argument(
            metavar="azimuth",
            parser=shot_order.azimuth,
            help="Azimuth of the structure, degrees from north over east.",
        ),
    ],
    track: Annotated[
        int,
        typer.Argument(
            metavar="0|1", parser=shot_order.track, help="The track: 0 is east, 1 west."
        ),
    ],
    exp01: Annotated[
        float,
        typer.Argument(
            metavar="exp01",
            parser=shot_order.exposure_time("exp01"),
            help="Exposure time of the first exposure, s.",
        ),
    ],
    exp02: Annotated[
        float,
        typer.Argument(
            metavar="exp02", parser=shot_order.exposure_time("exp02"), help="Of the second, s."
        ),
    ],
    exp03: Annotated[
        float,
        typer.Argument(
            metavar="exp03", parser=shot_order.exposure_time("exp03"), help="Of the third, s."
        ),
    ],
    emit_events: Annotated[
        bool,
        typer.Option(
            "-e",
            "--emit-events",
            help="Let a running orchestrator follow the shot, and the bridge send it. Recorded it "
            "is always.",
        ),
    ] = False,
    wait_for_connection: Annotated[
        bool,
        typer.Option(
            "-c",
            "--wait-for-connection",
            help="Ask for nothing unless an orchestrator answers. It counts only with -e.",
        ),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "-t",
            "--timeout",
            metavar="S",
            min=0,
            max=86_400,
            help="With -c, wait at most so long.",
        ),
    ] = 10.0,
    metadata: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--metadata",
            metavar="JSON",
            help="What TCS gets with the shot: a JSON dictionary of text, numbers, true, false, "
            "null and flat lists of them.",
            show_default=False,
        ),
    ] = None,
    dither_with_probes: Annotated[
        YesNo | None,
        typer.Option(
            "-d",
            "--dither-with-probes",
            metavar="yes|no",
            help="Dither with the guide probes. Without it, as run_shot.dither_with_probes says.",
            show_default=False,
        ),
    ] = None,
    wait_last_write: Annotated[
        YesNo | None,
        typer.Option(
            "-w",
            "--wait-last-write",
            metavar="yes|no",
            help="Wait for the files of the last exposure. Without it, as "
            "run_shot.wait_last_write says.",
            show_default=False,
        ),
    ] = None,
    shuffle_shot: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory of shuffle's output; else run_shot.shuffle_shot.",
            show_default=False,
        ),
    ] = None,
    shuffle_conf_template: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Where in it a shot's commands are; else run_shot.shuffle_conf_template.",
            show_default=False,
        ),
    ] = None,
    acam_dest_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to copy the acquisition image; else run_shot.acam_dest_file.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0,
            max=86_400,
            help="If a shot runs, wait for its end, at most so long. Without it, that is an error.",
            show_default=False,
        ),
    ] = None,
    ocd_run_shot: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="OCD's; not needed here.", show_default=False),
    ] = None,
    n_ocd_run_shot: Annotated[
        int | None,
        typer.Option(
            "-N",
            "--n-ocd-run-shot",
            metavar="N",
            help="OCD's; not needed here.",
            show_default=False,
        ),
    ] = None,
    log_file: LogFile = None,
) -> None:
    """Run one shot: set the telescope up, make three exposures.

    It is asked for through the log, and carried out by this process or, if one has the telescope,
    by another that runs the worker `shots`. Ends with 0 when the shot was good. Ctrl+C aborts it.
    """
    order = ShotOrder(
        shotid,
        obs_number,
        ra,
        dec,
        azimuth,
        track,
        [exp01, exp02, exp03],
        shot_order.metadata(metadata),
        by_hand=True,
        followed=emit_events,
        dither_with_probes=truth(dither_with_probes),
        wait_last_write=truth(wait_last_write),
        shuffle_shot=absolute(shuffle_shot),
        shuffle_conf_template=shuffle_conf_template,
        acam_dest_file=absolute(acam_dest_file),
    )
    awaited = wait_for_connection and emit_events
    say_unneeded(ocd_run_shot=ocd_run_shot, n_ocd_run_shot=n_ocd_run_shot)
    if wait_for_connection and not awaited:
        typer.echo("evctl: -c counts only with -e: no orchestrator is waited for", err=True)
    site = settings(ctx)
    configure(site.logging, "shots", log_file)
    ByHand(site, order, wait, timeout if awaited else None).run()
