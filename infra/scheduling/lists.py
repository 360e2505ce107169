"""The list of shots on the log: put there whole, and found again."""

from collections.abc import Sequence
from pathlib import Path

from infra.clock import fresh_id, utc_micros
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.log.writing import ENVELOPE, Publisher
from infra.namespaces import replay_of
from infra.tailing.last import last
from infra.tailing.shown import Shown, Unreadable, Wanted
from producers import shot_file
from schemas import avro
from schemas.errors import EvctlError
from schemas.events.shot_lists import KEY, Shot, ShotListLoaded, digest_of
from schemas.framing import HEADER_SIZE
from schemas.restored import is_restored
from schemas.topics import OBSERVATORY

MOST_WHO = 100
"""Characters of the name of who loads a list."""


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


class ShotListTooLarge(EvctlError):
    """A list does not fit into one record."""

    exit_code = 65

    def __init__(self, path: Path, shots: int, size: int, limit: int) -> None:
        super().__init__(
            f"{path} is too large: its {shots:,} shots make a record of {size:,} bytes, and "
            f"{OBSERVATORY.name} takes {limit:,}. Leave out what is not to be observed this season "
            "or has no visits left; it can be loaded when its time comes."
        )
        self.path, self.size, self.limit = path, size, limit


class _Loaded(Wanted):
    """Lists that somebody loaded; what an archive brought back is the past."""

    def __call__(self, shown: Shown) -> bool:
        if isinstance(shown, Unreadable) or not isinstance(shown.event, ShotListLoaded):
            return False
        return not is_restored(shown.provenance)


def read(path: Path) -> Sequence[Shot]:
    """Return the shots of a file, which can be put on a log.

    Raises what `producers.shot_file.read` does, and `ShotListTooLarge`.
    """
    shots = shot_file.read(path)
    event = ShotListLoaded(0, path.name, digest_of(shots), shots, "?" * MOST_WHO)
    size = HEADER_SIZE + len(avro.writer(ShotListLoaded)(event))
    limit = OBSERVATORY.max_bytes - ENVELOPE
    if size > limit:
        raise ShotListTooLarge(path, len(shots), size, limit)
    return shots


def load(cluster: Cluster, path: Path, who: str, *, visits_left: bool = False) -> ShotListLoaded:
    """Append a shot file to the log as the list that holds from now on.

    Raises what `read` does, and `ListForAReplay`.
    """
    if replay_of(cluster.namespace) is not None:
        raise ListForAReplay(cluster.namespace)
    shots = read(path)
    event = ShotListLoaded(utc_micros(), path.name, digest_of(shots), shots, who, visits_left)
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
