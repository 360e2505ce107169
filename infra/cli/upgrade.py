"""`evctl upgrade`: what an older evctl has left, brought to this one's formats."""

import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.log.cluster import EMBEDDED
from infra.logs import configure
from infra.settings import Settings
from infra.upgrading import upgrade_database, upgrade_log

EPILOG = examples("evctl upgrade")


def command(ctx: typer.Context, log_file: LogFile = None) -> None:
    """Bring the log's directory and the database to the formats of this evctl.

    Each carries the number of its format; where there is none, it is marked. Called again, there
    is nothing to do. What a later evctl has written is refused, by this and every other command.
    """
    site = settings(ctx)
    configure(site.logging, "upgrade", log_file)
    typer.echo(_log(site))
    typer.echo(upgrade_database(site))


def _log(site: Settings) -> str:
    servers = site.log.bootstrap_servers
    if servers != EMBEDDED:
        return f"log {servers}: a Kafka cluster, which upgrades itself"
    return upgrade_log(site.log.data_dir)
