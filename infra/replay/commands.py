"""Commands to a replay as people write them, on the control topic and behind `evctl replay ctl`."""

from collections.abc import Callable, Mapping

from infra.replay.controls import (
    Accelerate,
    Burst,
    Command,
    Pause,
    PlayUntil,
    Quit,
    Resume,
    Seek,
    SetSpeed,
    Status,
    Toggle,
)
from infra.replay.pacing import parse_speed
from infra.replay.spans import parse_span, said
from schemas import utc
from schemas.errors import EvctlError

_MOST_AT_ONCE = 10**12


class NotACommand(EvctlError):
    """The text is no command to a replay."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no command to a replay; known: {', '.join(USAGES)}.")
        self.text = text


class NotACount(EvctlError):
    """A number of records is none."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no number of records: 1 or more.")
        self.text = text


def parse(text: str) -> Command:
    """Return the command that a text names; raise what says why it is none."""
    word, _, argument = text.strip().partition(" ")
    argument = argument.strip()
    if word in _PLAIN and not argument:
        return _PLAIN[word]
    if word in _WITH_ARGUMENT and argument:
        return _WITH_ARGUMENT[word](argument)
    raise NotACommand(text)


def _count(text: str) -> Burst:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:14]) <= _MOST_AT_ONCE:
        raise NotACount(text)
    return Burst(int(text))


def _place(kind: Callable[[int, bool], Command], text: str) -> Command:
    """Return a command about an instant, or with a sign about one so much later or earlier."""
    if text[0] in "+-":
        return kind(int(f"{text[0]}{parse_span(text[1:], 'The way to go')}"), True)
    return kind(utc.parse(text), False)


_PLAIN: Mapping[str, Command] = {
    "pause": Pause(),
    "resume": Resume(),
    "toggle": Toggle(),
    "step": Burst(1),
    "status": Status(),
    "stop": Quit(),
}
_WITH_ARGUMENT: Mapping[str, Callable[[str], Command]] = {
    "burst": _count,
    "speed": lambda text: SetSpeed(parse_speed(text)),
    "seek": lambda text: _place(Seek, text),
    "until": lambda text: _place(PlayUntil, text),
}
USAGES = (
    "pause", "resume", "toggle", "step", "burst N", "speed FACTOR|max", "seek TIME|+SPAN|-SPAN",
    "until TIME|+SPAN", "status", "stop",
)  # fmt: skip


def text_of(command: Command) -> str:
    """Return a command as people write it, for the record."""
    match command:
        case Accelerate():
            return f"speed times {command.by:g}"
        case SetSpeed():
            return f"speed {command.factor:g}".replace("inf", "max")
        case Seek() | PlayUntil():
            word = "seek" if isinstance(command, Seek) else "until"
            if not command.relative:
                return f"{word} {utc.iso(command.time)}"
            return f"{word} {'-' if command.time < 0 else '+'}{said(abs(command.time))}"
        case Burst() if command.records > 1:
            return f"burst {command.records}"
    return next(word for word, plain in _PLAIN.items() if plain == command)
