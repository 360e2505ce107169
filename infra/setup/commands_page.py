"""Write the reference page of the commands from their own help, so that it can't say otherwise."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.main import get_command

from infra.cli import app
from infra.cli.shell import EVERYWHERE

_HEAD = """# Commands

Written by `make commands` from the commands' own help; `evctl COMMAND -h` says the same. Times are
UTC everywhere. Text for people and programs goes to stdout; bars, warnings and errors go to stderr.
"""
EXIT_CODES = {
    0: "done",
    1: "an error that has no code of its own here; and of `demo`, `verify`: something differs; of "
    "`schema check`: versions that can't read each other; of `replay --require-lateness`: records "
    "were later; of `doctor`: something fails; of `shot run`: the shot failed",
    2: "the command line makes no sense: an unknown command, option, topic, event, view or night",
    3: "`evctl broker`: no broker serves the log's directory",
    4: "`evctl broker`: another process holds the log's directory",
    5: "the embedded log is damaged on the disk",
    65: "data is refused: it does not fit, can't be read or decoded, or is gone from the log",
    66: "what is to be read is not there: a file, a topic, a table, a record in the window; of "
    "`shot abort`: no shot runs",
    69: "the log, the database, the schema registry or a replay does not answer, or a replay's "
    "listeners did not come; of `bridge`: pyzmq is missing; of `mysql`: neither MariaDB nor a "
    "Docker engine is there",
    70: "a fault of evctl itself; `--debug` shows where",
    73: "what is to be made can't be, or is there already: a file, a replay id, a directory, "
    "a port",
    74: "the log or the disk did not take what was written",
    75: "not now: tables are behind the log, a replay is incomplete, outdated or in use, another "
    "process has taken over, a worker can't see what came of a request, the telescope is not "
    "free, or a shot could not begin in time",
    77: "the database or the schema registry refuses the user or the password",
    78: "the settings are wrong, or do not fit the log, the topics or the tables that are there",
    130: "ended by Ctrl+C, the batch in hand finished; a second one ends it there and then",
    141: "who read the output, such as `head`, closed it",
    143: "ended by SIGTERM, as by Ctrl+C",
}
"""What each exit code means; most are those of `sysexits.h`."""


def page() -> str:
    """Return the page, Markdown."""
    root: Any = get_command(app)
    parts = [_HEAD, _section("evctl", root, "Options of all commands")]
    for name, command in _commands(root):
        parts.append(_section(f"evctl {name}", command))
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    parts.append("\n".join(["## Exit codes\n", "| code | meaning |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def _commands(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and command of each verb, and of each verb of a noun."""
    context = root.make_context("evctl", [], resilient_parsing=True)
    for name in list(root.commands):
        _, command, _ = root.resolve_command(context, [name])
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            yield from ((f"{name} {verb}", inner[verb]) for verb in inner)


def _section(path: str, command: Any, heading: str | None = None) -> str:
    arguments = [_usage(param) for param in command.params if _is_argument(param)]
    parts = [f"## {heading or ' '.join([path, *arguments])}", command.help]
    rows = [_row(param) for param in command.params]
    if rows:
        table = ["| argument or option | default | meaning |", "|---|---|---|", *rows]
        parts.append("\n".join(table))
    shown = _examples(command.epilog or "")
    if shown:
        parts.append("\n".join(shown))
    return "\n\n".join(parts) + "\n"


def _is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _usage(param: Any) -> str:
    """Return an argument as usage lines have it."""
    shown = param.metavar or param.name.upper()
    name = shown if param.required else f"[{shown}]"
    return f"{name}…" if param.nargs != 1 else name


def _row(param: Any) -> str:
    names = [_usage(param)] if _is_argument(param) else sorted(param.opts, key=len)
    words = ", ".join(names)
    if not _is_argument(param) and param.metavar:
        words += f" {param.metavar}"
    return f"| `{_cell(words)}` | {_cell(_default(param))} | {_cell(param.help)} |"


def _default(param: Any) -> str:
    if param.required and not _is_argument(param):
        return "required"
    if isinstance(param.show_default, str):
        return param.show_default
    if param.default in (None, False, ()) or not param.show_default:
        return ""
    return f"`{param.default:g}`" if isinstance(param.default, float) else f"`{param.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _examples(epilog: str) -> Sequence[str]:
    """Return the example lines of an epilog, indented as Markdown wants code."""
    lines = epilog.replace(EVERYWHERE, "").split("\n")
    return [f"  {line}" for line in lines if line.startswith("  ")]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
