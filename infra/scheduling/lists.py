"""The list of shots on the log: put there whole, and found again."""

from pathlib import Path

from infra.clock import fresh_id, utc_micros
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.namespaces import replay_of
from infra.tailing.last import last
from infra.tailing.shown import Shown, Unreadable, Wanted
from producers import shot_file
from schemas.errors import EvctlError
from schemas.events.shot_lists import KEY, ShotListLoaded, digest_of
from schemas.restored import is_restored
from schemas.topics import OBSERVATORY


class NoShotList(EvctlError):
    """Nobody has put a list of shots on the log."""

    exit_code = 66

    def __init__(self) -> None:
        super().__init__(
            "There is no list of shots on the log: `evctl shot load FILE` puts one there, and "
            "`--file FILE` takes a file without it."
        )


class ListForAReplay(EvctlError):
    """A list of now would get into a replay."""

    exit_code = 2

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"{namespace} is a replay's namespace, and has the lists that were loaded then: leave "
            "--namespace away, or give one that is no replay's."
        )
        self.namespace = namespace


class _Loaded(Wanted):
    """Lists that somebody loaded; what an archive brought back is the past."""

    def __call__(self, shown: Shown) -> bool:
        if isinstance(shown, Unreadable) or not isinstance(shown.event, ShotListLoaded):
            return False
        return not is_restored(shown.provenance)


def load(cluster: Cluster, path: Path, who: str) -> ShotListLoaded:
    """Append a shot file to the log as the list that holds from now on.

    Raises what `producers.shot_file.read` does, `ListForAReplay` and `RecordTooLarge`.
    """
    if replay_of(cluster.namespace) is not None:
        raise ListForAReplay(cluster.namespace)
    shots = shot_file.read(path)
    event = ShotListLoaded(utc_micros(), path.name, digest_of(shots), shots, who)
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, f"shot-load-{fresh_id()}")
    publisher.publish(event)
    publisher.flush()
    return event


def newest(cluster: Cluster) -> ShotListLoaded:
    """Return the list that holds; raise `NoShotList`."""
    name = OBSERVATORY.full_name(cluster.namespace)
    if name in topics.existing(cluster):
        held = reading.whole(cluster, [(name, 0)])
        found = last(cluster, Decoder(Registry(cluster)), held, _Loaded(key=KEY), 1)
        for shown in found:
            if not isinstance(shown, Unreadable):
                event: ShotListLoaded = shown.event
                return event
    raise NoShotList
