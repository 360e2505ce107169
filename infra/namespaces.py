"""What a namespace says of the time in it: the site's, a replay's, a mocked or a simulated one.

It is said by name, before a topic is there, so that nothing can go to the wrong place meanwhile.
"""

import re

from schemas.errors import EvctlError

_REPLAY, _MOCK, _SIMULATION = "replay", "mock", "sim"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_OF_REPLAY = re.compile(rf"{_REPLAY}\.({_ID.pattern})\.(.+)")


class NotAnId(EvctlError):
    """The text can't name what has a namespace of its own."""

    exit_code = 2

    def __init__(self, text: str, what: str) -> None:
        super().__init__(
            f"{text!r} can't name {what}: an id has 1 to 64 letters, digits, '-' or '_', the first "
            "a letter or digit, since it becomes a part of topic names."
        )
        self.text, self.what = text, what


class IntoAReplay(EvctlError):
    """Records of now would get into a replay, which has the night's and what is decided of them."""

    exit_code = 2

    def __init__(self, namespace: str, what: str) -> None:
        super().__init__(
            f"{namespace} is a replay's namespace, and {what} is no part of that replay: leave "
            "--namespace away, or give one that is no replay's."
        )
        self.namespace, self.what = namespace, what


def refuse_replay(namespace: str, what: str) -> None:
    """Raise `IntoAReplay` where `what` would be recorded in a replay."""
    if replay_of(namespace) is not None:
        raise IntoAReplay(namespace, what)


def of_replay(namespace: str, replay: str) -> str:
    """Return the namespace of a replay of what is in another; raise `NotAnId`."""
    return _within(namespace, _REPLAY, replay, "a replay")


def of_simulation(namespace: str, simulation: str) -> str:
    """Return the namespace of a simulated night at a site's; raise `NotAnId`."""
    return _within(namespace, _SIMULATION, simulation, "a simulation")


def _within(namespace: str, word: str, name: str, what: str) -> str:
    if not _ID.fullmatch(name):
        raise NotAnId(name, what)
    return f"{namespace}{word}.{name}."


def replay_of(namespace: str) -> str | None:
    """Return the id of the replay whose namespace it is (`replay.ID.`); none of another."""
    return _after(_REPLAY, namespace)


def replay_with(namespace: str, full_name: str) -> str | None:
    """Return the id of the replay, of what is in a namespace, that a topic is of; none of others.

    The topics of a replay of that replay are not its own.
    """
    if not full_name.startswith(namespace):
        return None
    found = _OF_REPLAY.fullmatch(full_name.removeprefix(namespace))
    return None if found is None or _OF_REPLAY.fullmatch(found[2]) else found[1]


def mock_of(namespace: str) -> str | None:
    """Return the id of the rehearsal with a time of its own that it is for (`mock.ID.`)."""
    return None if replay_of(namespace) is not None else _after(_MOCK, namespace) or None


def simulation_of(namespace: str) -> str | None:
    """Return the id of the simulation whose namespace it is (`sim.ID.`), or whose replay it is."""
    return _after(_SIMULATION, namespace) or None


def is_rehearsed(namespace: str) -> bool:
    """Whether time is mocked in a namespace, or was where its replay comes from."""
    return bool(_after(_MOCK, namespace))


def in_words(namespace: str) -> str:
    """Return what a sentence calls a namespace."""
    return f"the namespace {namespace.rstrip('.')}" if namespace else "the site's own namespace"


def _after(word: str, namespace: str) -> str | None:
    _, found, rest = f".{namespace}".rpartition(f".{word}.")
    return rest.partition(".")[0] if found else None
