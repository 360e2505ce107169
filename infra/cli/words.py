"""The words of a command line, put in the order that the parser can read.

Global options may stand anywhere before `--`; the parser wants them before the subcommand. And
`--config` may come without a value, which the parser knows no way to say.
"""

from collections.abc import Sequence
from pathlib import Path

OVERLAY = "evctl.yaml"
_FLAGS = {"--debug", "-V", "--version"}
_WITH_VALUE = {"--site-file", "--namespace"}


def globals_first(words: Sequence[str]) -> list[str]:
    """Return the words with the global options in front and `--config` with its value.

    The word after `--config` is its file if a file of that name exists or it ends in .yaml or
    .yml; else it belongs to the rest of the line.
    """
    front: list[str] = []
    rest: list[str] = []
    at = 0
    while at < len(words) and words[at] != "--":
        word, following = words[at], words[at + 1 : at + 2]
        at += 1
        name, joined, _ = word.partition("=")
        if word == "--config=":
            front += ["--config", OVERLAY]
        elif word in _FLAGS or (joined and name in {*_WITH_VALUE, "--config"}):
            front.append(word)
        elif word in _WITH_VALUE:
            front += [word, *following]
            at += 1
        elif word == "--config":
            takes = bool(following) and _is_overlay(following[0])
            front += [word, following[0] if takes else OVERLAY]
            at += takes
        else:
            rest.append(word)
    return [*front, *rest, *words[at:]]


def _is_overlay(word: str) -> bool:
    return not word.startswith("-") and (word.endswith((".yaml", ".yml")) or Path(word).is_file())
