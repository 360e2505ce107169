"""What became of a replay, by its own account on the log."""

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.replay.namespace import seen_by
from schemas.errors import EvctlError
from schemas.events.replays import ReplayFinished
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
    ended = _ended(target, registry, name)
    if ended is None or not ended.complete:
        raise ReplayIncomplete(replay, None if ended is None else ended.records)
    return target


def _ended(target: Cluster, registry: Registry, name: str) -> ReplayFinished | None:
    decode, place = Decoder(registry).record, (name, 0)
    spans = {place: [reading.whole(target, [place])[place]]}
    for batch in reading.messages(target, spans):
        for record in map(decode, batch):
            if isinstance(record.event, ReplayFinished):
                return record.event
    return None
