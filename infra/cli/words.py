"""The words of a command line, put in the order that the parser can read.

Global options may stand anywhere before `--`; the parser wants them before the subcommand. And
`--config` may come without a value, which the parser knows no way to say.
"""

import re
from collections.abc import Callable, Collection, Sequence
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


def each_with_its_option(words: Sequence[str], options: Collection[str]) -> list[str]:
    """Return the words with an option put in front of each of several values behind it.

    Its values go on to the next option, or to a file that exists.
    """
    found: list[str] = []
    at = 0
    while at < len(words) and words[at] != "--":
        word = words[at]
        at += 1
        found.append(word)
        if word not in options or words[at : at + 1] == [] or words[at].startswith("-"):
            continue
        found.append(words[at])
        at += 1
        while at < len(words) and not words[at].startswith("-") and not Path(words[at]).is_file():
            found += [word, words[at]]
            at += 1
    return [*found, *words[at:]]


def negatives_last(words: Sequence[str]) -> list[str]:
    """Return the words with those like `-10m` behind `--`, where they are no options."""
    negative = [word for word in words if re.match(r"-[\d.]", word)]
    others = [word for word in words if word not in negative]
    return [*others, *(("--", *negative) if negative else ())]


def _is_address(word: str) -> bool:
    return "://" in word


def options_first(
    words: Sequence[str],
    valued: Collection[str],
    listing: Collection[str] = (),
    is_listed: Callable[[str], bool] = _is_address,
) -> list[str]:
    """Return the words with the options in front and all others, in their order, behind `--`.

    So a word like `-12.5` is no option, wherever it stands. Options of `valued` take the next word,
    those of `listing` all that follow and look like what is listed.
    """
    options: list[str] = []
    others: list[str] = []
    at = 0
    while at < len(words) and words[at] != "--":
        word = words[at]
        at += 1
        if word == "-" or not word.startswith("-") or re.match(r"-[\d.]", word):
            others.append(word)
        elif word in listing:
            while at < len(words) and is_listed(words[at]):
                options += [word, words[at]]
                at += 1
        else:
            takes = _takes_next(word, valued)
            if at + takes > len(words):
                return list(words)  # it says itself that its value is missing
            options += words[at - 1 : at + takes]
            at += takes
    return [*options, "--", *others, *words[at + 1 :]]


def _takes_next(word: str, valued: Collection[str]) -> bool:
    """Whether an option's value is the next word: not of `-t5`, but of `-t` and `-et`."""
    if word.startswith("--"):
        return word in valued
    first = next((n for n, letter in enumerate(word[1:], 1) if f"-{letter}" in valued), None)
    return first == len(word) - 1
