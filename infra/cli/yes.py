"""The question that only `y` or `yes` answers, and whether there is a terminal to ask it at."""

import sys

import typer


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def says_yes(question: str) -> bool:
    """Ask, and return whether the answer is yes."""
    typer.echo(f"{question} [y/N] ", err=True, nl=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
