"""The question that only `y` or `yes` answers, if there is a terminal to ask it at."""

import sys

import typer

from schemas.errors import EvctlError


class NobodyToAsk(EvctlError):
    """A command that needs a yes has no terminal to ask at."""

    exit_code = 2


class NotAgreed(EvctlError):
    """Somebody was asked, and did not say yes."""


def require_terminal(otherwise: str) -> None:
    """Raise `NobodyToAsk` with a sentence where nobody can be asked."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise NobodyToAsk(otherwise)


def require_yes(question: str, otherwise: str) -> None:
    """Ask; raise `NotAgreed` with a sentence if the answer is another one than yes."""
    typer.echo(f"{question} [y/N] ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise NotAgreed(otherwise)
