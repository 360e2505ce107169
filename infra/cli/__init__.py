"""The command line: `evctl VERB` for daily words, `evctl NOUN VERB` for the rest.

A verb's module has a function `command` (and may have an `EPILOG`), a noun's an `app`.
"""

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import Invocation
from infra.cli.options import examples
from infra.cli.shell import Shell

COMMANDS = {
    "publish": ("infra.cli.publish", "Append records to a topic."),
    "tail": ("infra.cli.tail", "Show a topic, and follow it."),
    "replay": ("infra.cli.replay", "Play a recorded night again, at any speed."),
    "replay ctl": ("infra.cli.replay_ctl", "Pause, step, seek a replay that is under way."),
    "replay list": ("infra.cli.replay_list", "List the replays that are on the log."),
    "replay remove": ("infra.cli.replay_remove", "Remove what replays have left."),
    "simulate": ("infra.cli.simulate", "Let a simulated telescope have a night."),
    "import": ("infra.cli.import_", "Append recordings and archives of nights to the log."),
    "export": ("infra.cli.export", "Write a night to a recording or an archive."),
    "run": ("infra.cli.run", "Run the orchestrator, a service or the tables."),
    "time": ("infra.cli.time_", "Show what time it is for those who decide."),
    "rebuild": ("infra.cli.rebuild", "Fill tables anew from the log."),
    "verify": ("infra.cli.verify", "Prove that a night's tables agree with the log."),
    "reprocess": ("infra.cli.reprocess", "Go through a night again, and compare."),
    "quarantine": ("infra.cli.quarantine", "Look at records that readers passed over, and decide."),
    "seal": ("infra.cli.seal", "Write a night down, so that later changes are found."),
    "upgrade": ("infra.cli.upgrade", "Bring what an older evctl has left to this one's formats."),
    "demo": ("infra.cli.demo", "See a night go through the log and come out as tables."),
    "doctor": ("infra.cli.doctor", "Find what is missing or misconfigured, and how to mend it."),
    "allow": ("infra.cli.allow", "Allow the orchestrator to run shots, or not."),
    "why": ("infra.cli.why", "Say why a shot was chosen, or why none was."),
    "shot": ("infra.cli.shot", "Load and list shots, plan nights, run a shot."),
    "topic": ("infra.cli.topic", "List and describe the topics."),
    "schema": ("infra.cli.schema", "List, check and compare the schemas of events."),
    "bridge": ("infra.cli.bridge", "Carry events from ZeroMQ to the log, and back."),
    "mysql": ("infra.cli.mysql", "Start a MySQL server to throw away; look after vl_obsnum."),
    "config": ("infra.cli.config", "Show, check, copy and send the settings."),
    "broker": ("infra.cli.broker", "Start, stop and look at the embedded log."),
}


class _Evctl(Shell):
    rows = COMMANDS


app = typer.Typer(
    name="evctl",
    cls=_Evctl,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "evctl demo                      see it all work, in a place of its own",
        "evctl doctor                    is everything in place?",
        "evctl publish -h                what a command does and takes",
        "evctl --config quick.yaml tail observatory",
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"evctl {metadata.version('evctl')}")
        raise typer.Exit


@app.callback()
def evctl(
    ctx: typer.Context,
    *,
    site_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settings of this site. Without it: evctl-site.yaml in EVCTL_CONFIG_DIR, "
            "in OCS_CONFIG_DIR or in the working directory; else the defaults.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="[FILE]",
            help="Lay a partial file over the site's settings; evctl.yaml if no FILE is given. "
            "A next word is taken as FILE if such a file exists or it ends in .yaml or .yml.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prefix of this site's or this replay's topics, such as het or replay.first; "
            "the dot after it is added where it is missing.",
            show_default=False,
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something fails.")
    ] = False,
    _shown: Annotated[
        bool,
        typer.Option(
            "-V", "--version", is_eager=True, callback=_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Record, project, replay and prove an observatory's night as an event log.

    Options of this page may stand before or after the command.
    """
    options = {} if namespace is None else {"log.namespace": namespace}
    ctx.obj = Invocation(site_file, config, options, debug)
