"""Whether those are there who are to listen to a replay, before its first record goes out."""

from collections.abc import Callable, Sequence
from time import monotonic

from infra.log import groups
from infra.log.cluster import Cluster
from infra.signals import Stop
from schemas.errors import EvctlError

_LOOK_S = 0.1


class ListenersMissing(EvctlError):
    """A listener did not come in time."""

    exit_code = 69

    def __init__(self, names: Sequence[str], namespace: str, timeout: float) -> None:
        super().__init__(
            f"Nobody reads {namespace}* as {' and '.join(names)} after {timeout:g} s, so nothing "
            f"was played: start it meanwhile (`evctl --namespace {namespace} run {names[0]}`), or "
            "wait longer with --timeout. The id is free again."
        )
        self.names = names


class CalledOff(EvctlError):
    """A replay was stopped while it waited for a listener; the exit code is the signal's."""

    def __init__(self, names: Sequence[str], namespace: str, exit_code: int) -> None:
        super().__init__(
            f"Called off while it waited for {' and '.join(names)} to read {namespace}*: nothing "
            "was played, and the id is free again."
        )
        self.names, self.exit_code = names, exit_code


def await_listeners(
    cluster: Cluster,
    names: Sequence[str],
    timeout: float,
    stop: Stop,
    meanwhile: Callable[[Sequence[str]], None],
) -> None:
    """Wait until each name's consumer group has members that read topics of the replay.

    A name is what `evctl run` has, such as `projections`, or that of a consumer group. `meanwhile`
    is told, again and again, who is missing. Raises `ListenersMissing` after `timeout` s, and
    `CalledOff`.
    """
    missing, deadline = [*names], monotonic() + timeout
    while missing:
        missing = [name for name in missing if not _listens(cluster, name)]
        if missing and not monotonic() <= deadline:  # which nothing is, of a time-out that is NaN
            raise ListenersMissing(missing, cluster.namespace, timeout)
        if missing:
            meanwhile(missing)
        if missing and stop.wait(_LOOK_S):
            raise CalledOff(missing, cluster.namespace, stop.exit_code)


def _listens(cluster: Cluster, name: str) -> bool:
    names = (f"{cluster.namespace}evctl.{name}", name)
    return any(_reads(cluster, group) for group in names)


def _reads(cluster: Cluster, group: str) -> bool:
    """Whether a member of a group was given a partition of the namespace."""
    found = groups.find(cluster, group)
    return found is not None and any(name.startswith(cluster.namespace) for name in found.reads)
