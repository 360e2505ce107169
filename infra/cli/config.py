"""`evctl config`: show, check, copy and send the settings."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from infra.cli import config_send
from infra.cli.context import loaded
from infra.cli.options import examples
from infra.log.cluster import Cluster
from infra.settings import Fault, SecretMissing, SettingsError
from infra.settings.loading import DEFAULT, SITE_FILE
from infra.settings.option import dotted
from infra.settings.rendering import as_yaml, secrets
from schemas.errors import EvctlError

app = typer.Typer(no_args_is_help=True, help="Show, check, copy and send the settings.")
app.command("send", epilog=config_send.EPILOG)(config_send.command)


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words so that a negative value of `send` is no option."""
    return ["send", *config_send.arranged(words[1:])] if words[:1] == ["send"] else list(words)


class FileStays(EvctlError):
    """A file that is already there would have been overwritten."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} exists and stays as it is: -b puts it aside, -f overwrites it.")


class CopyFailed(EvctlError):
    """The commented settings can't be written where they should go."""

    exit_code = 73

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} can't be written: {reason}. Give another directory with -t.")


@app.command(
    epilog=examples(
        "evctl config show",
        "evctl config show --origin",
        "evctl config show --site-file het.yaml",
    )
)
def show(
    ctx: typer.Context,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say beside each value which file or variable gave it.")
    ] = False,
) -> None:
    """Print the settings in force (YAML); secrets are ***."""
    typer.echo(as_yaml(loaded(ctx), origin=origin), nl=False)


@app.command(epilog=examples("evctl config check", "evctl config check --site-file het.yaml"))
def check(ctx: typer.Context) -> None:
    """Say everything that is wrong with the settings.

    Ends with 0 if nothing is, else with 78. Whether log and database answer, `evctl doctor` says.
    """
    found = loaded(ctx)
    faults = []
    for path, secret in secrets(found.settings):
        try:
            secret.reveal()
        except SecretMissing as error:
            name = dotted(path)
            faults.append(Fault(found.sources[name], name, str(error)))
    if faults:
        raise SettingsError(faults)
    log = found.settings.log
    Cluster("127.0.0.1:1", log.namespace, log.client_options()).try_options()
    given = sum(source != DEFAULT for source in found.sources.values())
    file = found.site_file or "no site file"
    typer.echo(f"ok: {file} ({found.chosen_by}); options given: {given}")


@app.command(
    epilog=examples(
        "evctl config copy                     ./evctl-site.yaml, unless it exists",
        "evctl config copy -t /etc/evctl -b    with a backup of the one there",
    )
)
def copy(
    directory: Annotated[
        Path,
        typer.Option("-t", "--to-dir", metavar="DIR", help="Where to; made if it is not there."),
    ] = Path(),
    force: Annotated[
        bool,
        typer.Option("-f", "--force", help="Overwrite an existing file: what it says is lost."),
    ] = False,
    backup: Annotated[
        bool,
        typer.Option(
            "-b", "--backup", help="Put an existing file aside first; -f is then ignored."
        ),
    ] = False,
) -> None:
    """Write evctl-site.yaml with every option explained.

    The file is a start for your own.
    """
    target = directory / SITE_FILE
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True)
        if backup and target.exists():
            typer.echo(f"{target} is now {_put_aside(target)}")
        with target.open("wb" if force and not backup else "xb") as file:
            file.write(files("infra.settings").joinpath("master.yaml").read_bytes())
    except OSError as error:
        if isinstance(error, FileExistsError) and directory.is_dir():
            raise FileStays(target) from error
        raise CopyFailed(target, error.strerror or str(error)) from error
    typer.echo(f"{target} written")


def _put_aside(path: Path) -> Path:
    """Rename a file to the first free name of a backup, so that no backup is ever lost."""
    number = 0
    while (aside := path.with_name(f"{path.name}.bak{number or ''}")).exists():
        number += 1
    path.rename(aside)
    return aside
