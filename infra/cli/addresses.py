"""OCD's options for addresses of ZeroMQ: taken, so that its command lines work, and not used."""

import typer


def say_unneeded(**given: object) -> None:
    """Tell people which of the given options are not needed."""
    there = [name for name, value in given.items() if value not in (None, [])]
    names = [f"--{name.replace('_', '-')}" for name in there]
    if names:
        typer.echo(f"evctl: {', '.join(names)}: not needed, all goes through the log", err=True)
