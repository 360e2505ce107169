"""What a namespace says of the time in it: the site's, a replay's, a mocked or a simulated one.

It is said by name, before a topic is there, so that nothing can go to the wrong place meanwhile.
"""

_REPLAY, _MOCK, _SIMULATION = "replay", "mock", "sim"


def replay_of(namespace: str) -> str | None:
    """Return the id of the replay whose namespace it is (`replay.ID.`); none of another."""
    return _after(_REPLAY, namespace)


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
