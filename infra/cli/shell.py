"""The shell around every command: found when used, and ended in one way.

A command's module is imported only when the command is run, so that help and version are quick.
"""

import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import Any, Never

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from infra.cli import output
from infra.cli.output import OutputLost
from infra.cli.words import globals_first
from schemas.errors import EvctlError

UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
PIPE_CLOSED = 128 + 13  # SIGPIPE, which Windows has no name for
EVERYWHERE = "Everywhere: --site-file, --config, --namespace, --debug, -V (see evctl -h)."


class Shell(TyperGroup):
    """The root command, whose subcommands stand in a table of (module, help)."""

    rows: Mapping[str, tuple[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (_, text) in self.rows.items():
            self.add_command(TyperCommand(name, help=text, rich_markup_mode=None))

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        return super().make_context(info_name, globals_first(args), *more, **extra)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command of one word, or of two, and let its module arrange the other words."""
        if (two := " ".join(args[:2])) in self.rows:
            args = [two, *args[2:]]
        if args and args[0] in self.rows:
            module_name, text = self.rows[args[0]]
            self.add_command(_imported(args[0], module_name, text), args[0])
            arranged = getattr(import_module(module_name), "arranged", list)
            args = [args[0], *arranged(args[1:])]
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run one command line; the exit code says how it ended, a traceback only with --debug."""
        if sys.platform == "win32":
            sys.exit("evctl runs on Linux and macOS; on Windows, install and run it in WSL.")
        words = sys.argv[1:] if args is None else list(args)
        debug = "--debug" in words
        output.provide()
        with _sigterm_as_exit():
            try:
                super().main(words, *more, **extra)
            except KeyboardInterrupt:
                sys.exit(INTERRUPTED)
            except OutputLost as error:
                output.give_up()
                _end(f"evctl: {error}", error.exit_code, debug=debug)
            except EvctlError as error:
                _end(f"evctl: {error}", error.exit_code, debug=debug)
            except Exception as error:  # noqa: BLE001 the outermost frame: people get a sentence
                if isinstance(error.__cause__, SystemExit):  # Python 3.11: as a class was made
                    sys.exit(error.__cause__.code)
                text = f"evctl: unexpected {type(error).__name__}: {error}"
                _end(f"{text}; run again with --debug to see where", UNEXPECTED, debug=debug)

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # here, where its failure can still be told
        except BrokenPipeError:  # the reader, e.g. `head`, has had enough
            output.give_up()
            raise typer.Exit(PIPE_CLOSED) from None


def _end(sentence: str, code: int, *, debug: bool) -> Never:
    if debug:
        traceback.print_exc()
    with suppress(OSError):  # there is nowhere else to say it
        typer.echo(sentence, err=True)
    sys.exit(code)


def _imported(name: str, module_name: str, text: str) -> Any:
    """Return the command of a module: of a verb its `command`, of a noun its `app`."""
    module = import_module(module_name)
    if hasattr(module, "command"):
        verb = typer.Typer(add_completion=False)
        verb.command(name, epilog=getattr(module, "EPILOG", None))(module.command)
        command: Any = get_command(verb)
    else:
        command = get_group(module.app)
    command.name, command.help = name, command.help or text
    _plain(command)
    return command


def _plain(command: Any) -> None:
    """Make help plain text: quicker than boxes, and it can be copied."""
    command.rich_markup_mode = None
    command.epilog = "\n\n".join(filter(None, (command.epilog, EVERYWHERE)))
    for inner in getattr(command, "commands", {}).values():
        _plain(inner)


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """End on SIGTERM as on an error, so that what is open is closed."""

    def leave(_signal: int, _frame: FrameType | None) -> Never:
        sys.exit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
