"""The place of a replay: topics of its own, where no live event flows and none of it leaks out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from infra import clock
from infra.log import topics
from infra.log.cluster import Cluster
from infra.namespaces import of_replay
from schemas.errors import EvctlError
from schemas.topics import QUARANTINE, REPLAY_CONTROL, topic
from schemas.utc import MICROS


class ReplayIdInUse(EvctlError):
    """A replay of this id has been there before."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, replay: str, there: str) -> None:
        super().__init__(
            f"The replay id {replay} is in use: the topic {there} exists. Give another --id, or "
            f"none to have one made; `evctl replay remove {replay}` frees it."
        )
        self.replay, self.topic = replay, there


def fresh_replay_id() -> str:
    """Return an id that sorts by the time it was made and that nobody else makes."""
    now = datetime.fromtimestamp(clock.utc_micros() / MICROS, UTC)
    return f"{now:%Y%m%dT%H%M%S}-{clock.fresh_id()[:6]}"


def seen_by(source: Cluster, replay: str) -> Cluster:
    """Return the log seen with a replay's namespace; raise `NotAnId`."""
    return source.in_namespace(of_replay(source.namespace, replay))


def claim(source: Cluster, replay: str) -> Cluster:
    """Return the log seen with the replay's namespace; raise where the id can't be used."""
    prefix = of_replay(source.namespace, replay)
    for name in topics.existing(source):
        if name.startswith(prefix):
            raise ReplayIdInUse(replay, name)
    return source.in_namespace(prefix)


def make_topics(
    source: Cluster,
    target: Cluster,
    replay: str,
    carried: Iterable[str],
    names: Mapping[str, str] = MappingProxyType({}),
) -> Mapping[str, str]:
    """Make the replay's topics; return the full name of each in it, by the full name it is from.

    Of two replays that begin at once with one id, the second fails to make the control topic, and
    raises `ReplayIdInUse`. The others have as many partitions as the originals, so that every
    record keeps its number, and the names that `names` has instead of the declared ones. They are
    not synced: what is lost with the machine is on the original topics still. Readers in the
    replay have a quarantine of their own.
    """
    if not topics.create(target, REPLAY_CONTROL):
        raise ReplayIdInUse(replay, REPLAY_CONTROL.full_name(target.namespace))
    there = set(topics.existing(source))
    known = [name for name in carried if name in there]
    real = topics.describe(source, known) if known else {}
    made = [replace(QUARANTINE, synced=False)]
    found = {}
    for full_name in carried:
        declared = topic(full_name.removeprefix(source.namespace))
        if full_name in real:  # a recording may be played where nothing was ever recorded
            declared = replace(declared, partitions=real[full_name].partitions)
        renamed = replace(declared, name=names.get(declared.name, declared.name), synced=False)
        made.append(renamed)
        found[full_name] = renamed.full_name(target.namespace)
    topics.ensure(target, made)
    return found


def unmake_topics(target: Cluster) -> None:
    """Remove the topics of a replay that carried nothing, so that its id is free again."""
    topics.delete(target, [n for n in topics.existing(target) if n.startswith(target.namespace)])
