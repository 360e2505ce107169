"""Which records go on: by the names of Kafka topics and of events, as OCD's `--topics` does.

A pattern is a name, a glob (`tcs.root.*`), or a regular expression behind `re:`. Names and globs
mean the whole name, a regular expression any part of it. An event's name is its record's key, on
`observatory`: `system.source.key` of a TCS event. A plain name without two dots is a Kafka topic's.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import NamedTuple

from infra.log.reading import Message
from schemas.errors import EvctlError
from schemas.topics import OBSERVATORY, bare_name, topic

_REGEX = "re:"
_MOST_KEYS = 20_000


class NotAPattern(EvctlError):
    """A regular expression is none."""

    exit_code = 2

    def __init__(self, text: str, fault: re.error) -> None:
        super().__init__(f"{text!r} is no regular expression behind {_REGEX}: {fault}.")
        self.text = text


class Pattern(NamedTuple):
    """A pattern as it was written, whether a name fits it, and whether an event's name can."""

    text: str
    fits: Callable[[str], object]
    of_events: bool = True


def pattern(text: str) -> Pattern:
    """Return a pattern; raise `NotAPattern`, or `UnknownTopic` for a name that can be none."""
    if text.startswith(_REGEX):
        try:
            return Pattern(text, re.compile(text.removeprefix(_REGEX)).search)
        except re.error as fault:
            raise NotAPattern(text, fault) from None
    if any(sign in text for sign in "*?["):
        return Pattern(text, re.compile(translate(text)).match)
    of_events = text.count(".") >= 2
    if not of_events:
        topic(text)
    return Pattern(text, text.__eq__, of_events)


class Choice:
    """Records of these patterns (none: of all) and not of those."""

    def __init__(self, only: Sequence[str] = (), without: Sequence[str] = ()) -> None:
        self._only, self._without = [*map(pattern, only)], [*map(pattern, without)]
        self._known: dict[tuple[str, bytes | None], bool] = {}
        self._met: set[Pattern] = set()

    def __bool__(self) -> bool:
        return bool(self._only or self._without)

    def __str__(self) -> str:
        only = [f"only {', '.join(each.text for each in self._only)}"] if self._only else []
        without = [f"without {', '.join(e.text for e in self._without)}"] if self._without else []
        return ", ".join([*only, *without])

    def takes(self, full_name: str) -> bool:
        """Whether anything of a Kafka topic may go on."""
        name = bare_name(full_name)
        if self._fit(self._without, name):
            return False
        by_key = name == OBSERVATORY.name and any(each.of_events for each in self._only)
        return by_key or not self._only or self._fit(self._only, name)

    def chosen(self, messages: list[Message]) -> list[Message]:
        """Return those messages that go on."""
        known, learn = self._known, self._learn
        found = []
        for message in messages:
            name = message.topic(), message.key()
            verdict = known.get(name)
            if learn(name) if verdict is None else verdict:
                found.append(message)
        return found

    def unmet(self) -> list[str]:
        """Return the patterns that nothing fitted, as they were written."""
        return [each.text for each in (*self._only, *self._without) if each not in self._met]

    def _learn(self, name: tuple[str, bytes | None]) -> bool:
        """Decide about a key of a topic; only those of `observatory` are names of events."""
        topic_, key = bare_name(name[0]), (name[1] or b"").decode(errors="replace")
        verdict = True
        if topic_ == OBSERVATORY.name:
            wanted = not self._only or self._fit(self._only, key) or self._fit(self._only, topic_)
            verdict = wanted and not self._fit(self._without, key)
        if len(self._known) > _MOST_KEYS:
            self._known.clear()
        self._known[name] = verdict
        return verdict

    def _fit(self, patterns: Sequence[Pattern], name: str) -> bool:
        fitting = [each for each in patterns if name and each.fits(name)]
        self._met.update(fitting)
        return bool(fitting)
