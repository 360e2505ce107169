"""What replays leave: listed, and taken away where nobody plays or reads it.

Of a replay's own are the topics, consumer groups and tables of its namespace. What other groups
have committed of its topics goes with these.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import sleep
from typing import NamedTuple

from infra.database import Database
from infra.database.removing import drop, tables_in
from infra.log import groups, reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import TopicMissing
from infra.log.registry import Registry
from infra.namespaces import replay_with
from infra.replay.asking import NoAnswer, Refused, ReplayOver, answer_to
from infra.replay.namespace import seen_by
from infra.replay.outcome import Account, accounts
from schemas.errors import EvctlError
from schemas.topics import REPLAY_CONTROL

_TIMES, _AGAIN_S = 20, 0.1
"""A log that was asked to delete a topic may name it for some time."""


class NothingLeft(EvctlError):
    """Nothing of a replay is there that could be removed."""

    exit_code = 66

    def __init__(self, replay: str) -> None:
        super().__init__(
            f"Nothing is left of a replay {replay}: no topics, groups or tables. `evctl replay "
            "list` names those that are there."
        )
        self.replay = replay


class NotOfAReplay(EvctlError):
    """Topics are named like a replay's, and no replay has made them."""

    exit_code = 73

    def __init__(self, replay: str, names: Sequence[str], control: str) -> None:
        super().__init__(
            f"Nothing of {replay} was removed, for there is no {control}, which a replay makes "
            f"first and which is removed last: {', '.join(names)} may be somebody else's."
        )
        self.replay, self.topics = replay, names


class StillPlayed(EvctlError):
    """A replay that is to be removed is under way."""

    exit_code = 75

    def __init__(self, replay: str) -> None:
        super().__init__(
            f"The replay {replay} is under way, for it answers, and nothing was removed: wait for "
            f"its end, or `evctl replay ctl {replay} stop`."
        )
        self.replay = replay


class StillRead(EvctlError):
    """Somebody reads a replay that is to be removed."""

    exit_code = 75

    def __init__(self, replay: str, readers: Sequence[str]) -> None:
        are = "groups have" if readers[1:] else "group has"
        super().__init__(
            f"The replay {replay} is read, and nothing of it was removed: the consumer {are} "
            f"members, {', '.join(readers)}. End them first; one that was killed counts for some "
            "seconds more."
        )
        self.replay, self.readers = replay, readers


class Left(NamedTuple):
    """A replay whose topics are on the log, how many records they hold, and what it says."""

    replay: str
    records: int
    account: Account


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of one replay, by full names, and which consumer groups are reading it."""

    replay: str
    topics: Sequence[str]
    groups: Sequence[str]
    tables: Sequence[str]
    readers: Sequence[str]


def listed(source: Cluster, registry: Registry) -> Sequence[Left]:
    """Return the replays of what is in a namespace, by id.

    Where one goes between two questions to the log, all are listed anew.
    """
    for _ in range(_TIMES):
        with suppress(TopicMissing):
            return _listed(source, registry)
        sleep(_AGAIN_S)
    return _listed(source, registry)


def _listed(source: Cluster, registry: Registry) -> Sequence[Left]:
    found = {
        replay: names
        for replay, names in _by_replay(source).items()
        if _control(source, replay) in names
    }
    if not found:
        return []
    controls = {replay: _control(source, replay) for replay in found}
    told = accounts(source, registry, list(controls.values()))
    held = _records(source, [name for names in found.values() for name in names])
    return [
        Left(
            replay,
            sum(held[name] for name in names if name != controls[replay]),
            told[controls[replay]],
        )
        for replay, names in found.items()
    ]


def remains_of(source: Cluster, database: Database, replay: str) -> Remains:
    """Return what is left of a replay; raise `NotAnId`, `NotOfAReplay` and `NothingLeft`."""
    namespace, control = seen_by(source, replay).namespace, _control(source, replay)
    names = _by_replay(source).get(replay, [])
    if names and control not in names:
        raise NotOfAReplay(replay, names, control)
    there = groups.existing(source)
    own = [group for group in there if group.name.startswith(f"{namespace}evctl.")]
    readers = [group for group in there if group.reads.intersection(names)]
    readers += [group for group in own if group.members and group not in readers]
    tables = tables_in(database, namespace)
    if not (names or own or tables):
        raise NothingLeft(replay)
    return Remains(
        replay,
        names,
        [group.name for group in own],
        tables,
        sorted(group.name for group in readers),
    )


def refuse_in_use(source: Cluster, remains: Remains, timeout: float) -> None:
    """Raise `StillRead` or `StillPlayed` where a replay is in use.

    Readers are known as members of consumer groups. A player that has not said that it ended is
    asked, and counts as killed if it gives no answer within `timeout` s.
    """
    if remains.readers:
        raise StillRead(remains.replay, remains.readers)
    control = _control(source, remains.replay)
    if control not in remains.topics:
        return
    account = accounts(source, Registry(source), [control])[control]
    if account.finished is None and _is_played(source, remains.replay, timeout):
        raise StillPlayed(remains.replay)


def _is_played(source: Cluster, replay: str, timeout: float) -> bool:
    try:
        answer_to(source, replay, "status", timeout)
    except (NoAnswer, ReplayOver):
        return False
    except Refused:
        return True
    return True


def remove(source: Cluster, database: Database, remains: Remains) -> None:
    """Take away what is left of a replay; its control topic goes last, and then its id is free.

    Raises `StillRead` or `GroupInUse`, before anything else is gone, if somebody reads it by now.
    """
    now = remains_of(source, database, remains.replay)
    if now.readers:
        raise StillRead(remains.replay, now.readers)
    groups.delete(source, remains.groups)
    drop(database, remains.tables)
    control = _control(source, remains.replay)
    for names in ([name for name in remains.topics if name != control], [control]):
        topics.delete(source, names)


def _control(source: Cluster, replay: str) -> str:
    return REPLAY_CONTROL.full_name(seen_by(source, replay).namespace)


def _by_replay(source: Cluster) -> Mapping[str, list[str]]:
    """Return the full names of topics by the replay that they are of."""
    found: dict[str, list[str]] = {}
    for name in topics.existing(source):
        replay = replay_with(source.namespace, name)
        if replay is not None:
            found.setdefault(replay, []).append(name)
    return found


def _records(source: Cluster, names: Sequence[str]) -> Mapping[str, int]:
    """Return how many offsets each topic holds."""
    real = topics.describe(source, names)
    places = [(name, number) for name in names for number in range(real[name].partitions)]
    held = dict.fromkeys(names, 0)
    for (name, _), (low, end) in reading.whole(source, places).items():
        held[name] += end - low
    return held
