"""`evctl mysql`: a server to throw away, and what is done to the observation numbers' tables."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import lay_over, settings
from infra.cli.options import examples
from infra.mysql import control
from infra.mysql.errors import NoServer, NotStarted
from infra.mysql.server import Server
from infra.observation_numbers import migrating, open_numbers
from infra.observation_numbers.tables import OBSNUM

app = typer.Typer(
    no_args_is_help=True, help="Start a MySQL server to throw away; look after vl_obsnum."
)
Name = Annotated[
    str | None,
    typer.Option(
        "-c",
        "--container-name",
        metavar="NAME",
        help="Name of the container, or of the local server. Without it, "
        "docker_mysql.container_name of the settings.",
        show_default=False,
    ),
]


@app.command(
    epilog=examples(
        "evctl mysql up",
        "evctl mysql up -c rehearsal",
        "evctl mysql up > throw-away.yaml       evctl --config throw-away.yaml run …",
    )
)
def up(
    ctx: typer.Context,
    container_name: Name = None,
    docker: Annotated[
        bool | None,
        typer.Option(
            "--docker/--local",
            help="In a container, or as a process of this machine. Without it, in a container if "
            "a Docker engine answers.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start a server with the table vl_obsnum and one entry in it, of today.

    It is there when the command ends, and until `evctl mysql down`. Standard output gets the
    settings that lead to it, to be put into the site's file. If it runs already, that is said; one
    that was killed, as by a power cut, is started again with what it had.
    """
    name, directory = _named(ctx, container_name)
    server, came = control.up(name, directory, docker)
    typer.echo(f"{came}: {_where(server)}; the settings that lead to it:", err=True)
    typer.echo(server.settings_text(), nl=False)


@app.command()
def down(ctx: typer.Context, container_name: Name = None) -> None:
    """Stop the server, and remove its container and volumes, or its directory.

    Stopping twice is no error.
    """
    name, directory = _named(ctx, container_name)
    done = control.down(name, directory)
    typer.echo(
        f"stopped, and nothing of {name} is left"
        if done
        else f"there is no throw-away server {name}"
    )


@app.command(epilog=examples("evctl mysql info", "evctl mysql info --yaml > throw-away.yaml"))
def info(
    ctx: typer.Context,
    container_name: Name = None,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Print the settings that lead to it, and nothing else.")
    ] = False,
) -> None:
    """Describe the server: address, version, where it lives, and what its table has.

    Ends with 66 if there is none.
    """
    name, directory = _named(ctx, container_name)
    server = control.find(name, directory)
    if server is None:
        raise NoServer(name)
    if not server.answers():
        raise NotStarted("does not answer", control.last_words(server))
    if yaml:
        typer.echo(server.settings_text(), nl=False)
        return
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT VERSION(), COUNT(*), MAX(obsdate) FROM {OBSNUM}")  # noqa: S608
        version, rows, latest = cursor.fetchone() or ("", 0, None)
    kind = "container" if server.kind == "docker" else "process of this machine"
    typer.echo(f"name       {name}, a {kind}")
    typer.echo(f"address    {server.address}")
    if server.container_address:
        typer.echo(f"           {server.container_address}:3306 in the engine's network")
    typer.echo(f"version    {version}")
    typer.echo(f"directory  {directory}")
    typer.echo(f"{OBSNUM}  {rows:,} row{'s' * (rows != 1)}, the latest of {latest}")


@app.command(epilog=examples("evctl mysql migrate", "evctl mysql migrate --create"))
def migrate(
    ctx: typer.Context,
    create: Annotated[
        bool,
        typer.Option(
            "--create", help="Make the missing table, as OCD has it, and add no key to it."
        ),
    ] = False,
) -> None:
    """Add a unique key to vl_obsnum, so that the database itself refuses a number twice.

    The table is the one of the settings (`mysql:`). evctl alters it by this command only. Rows
    that have one number twice hinder the key; they are named.
    """
    database = open_numbers(settings(ctx))
    try:
        if create:
            made = "made" if migrating.create(database) else "is there already"
            typer.echo(f"{OBSNUM} in {database.name}: {made}")
            return
        key = migrating.migrate(database)
        done = "has the unique key now:" if key.added else "has a unique key already:"
        typer.echo(f"{OBSNUM} in {database.name} {done} {key.name}")
    finally:
        database.close()


def _named(ctx: typer.Context, container_name: str | None) -> tuple[str, Path]:
    lay_over(ctx, {"docker_mysql.container_name": container_name})
    site = settings(ctx)
    name = site.docker_mysql.container_name
    return name, control.directory_of(site, name)


def _where(server: Server) -> str:
    place = "container" if server.kind == "docker" else "server"
    return f"{place} {server.name} at {server.address}"
