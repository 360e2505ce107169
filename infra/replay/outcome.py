"""What became of replays, by their own accounts on the log."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.registry import Registry
from infra.replay.namespace import seen_by
from schemas.errors import EvctlError
from schemas.events.replays import ReplayFinished, ReplayStarted
from schemas.topics import REPLAY_CONTROL


class NoSuchReplay(EvctlError):
    """No replay of this id was ever begun."""

    exit_code = 66

    def __init__(self, replay: str, topic: str) -> None:
        super().__init__(
            f"There is no replay {replay}: the topic {topic} does not exist. `evctl replay --id "
            f"{replay}` makes one."
        )
        self.replay, self.topic = replay, topic


class ReplayIncomplete(EvctlError):
    """A replay is still under way, or ended before its window did."""

    exit_code = 75

    def __init__(self, replay: str, carried: int | None) -> None:
        how = (
            "still runs or was killed" if carried is None else f"was stopped at record {carried:,}"
        )
        super().__init__(
            f"The replay {replay} is incomplete, for it {how}: nothing can be compared. Wait for "
            "its end, or replay again under another --id."
        )
        self.replay, self.carried = replay, carried


def complete(source: Cluster, registry: Registry, replay: str) -> Cluster:
    """Return the log as a replay that came to its end sees it.

    Raises `NotAnId`, `NoSuchReplay`, `ReplayIncomplete`.
    """
    target = seen_by(source, replay)
    name = REPLAY_CONTROL.full_name(target.namespace)
    if name not in topics.existing(target):
        raise NoSuchReplay(replay, name)
    ended = accounts(target, registry, [name])[name].finished
    if ended is None or not ended.complete:
        raise ReplayIncomplete(replay, None if ended is None else ended.records)
    return target


class Account(NamedTuple):
    """What a replay says of its begin and end; none where it has not, or not yet."""

    started: ReplayStarted | None = None
    finished: ReplayFinished | None = None


def accounts(cluster: Cluster, registry: Registry, names: Sequence[str]) -> Mapping[str, Account]:
    """Return what replays say of themselves, by the full names of their control topics.

    What can't be read there is passed over.
    """
    decode, found = Decoder(registry).record, dict.fromkeys(names, Account())
    spans = reading.whole(cluster, [(name, 0) for name in names])
    for batch in reading.messages(cluster, {place: [span] for place, span in spans.items()}):
        for message in batch:
            try:
                event = decode(message).event
            except Undecodable:
                continue
            known = found[message.topic()]
            if isinstance(event, ReplayStarted):
                found[message.topic()] = known._replace(started=event)
            elif isinstance(event, ReplayFinished):
                found[message.topic()] = known._replace(finished=event)
    return found
