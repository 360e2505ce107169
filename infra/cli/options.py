"""Options that several commands share, and how their examples are written."""

from pathlib import Path
from typing import Annotated

import typer

LogFile = Annotated[
    Path | None,
    typer.Option(
        "-l",
        "--log-file",
        metavar="FILE",
        help="Write evctl's own messages to FILE, not where the settings say (`logging:`).",
        show_default=False,
    ),
]


def examples(*lines: str) -> str:
    """Return an epilog that shows command lines as they are typed, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
