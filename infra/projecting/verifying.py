"""Live, replayed and rebuilt rows of the views, compared by digest.

The log goes on meanwhile, and the live tables with it. So the rebuilt ones are made from what each
live table shows: the window, up to where the log went when it was found, and from there on what
that table had read at the one moment that its digest is of.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.database import Database, Snapshot, ViewStore, connect
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.projecting.catching_up import Ends, Tables
from infra.projecting.judging import Verifying
from infra.projecting.refolding import Refold, count
from infra.quarantine.fates import Fates
from infra.windows import Window, places_of
from projections import View
from schemas.errors import EvctlError
from schemas.topics import RECORDED, topic


class ReplayOutdated(EvctlError):
    """A replay carried other records than the log has of the window by now."""

    exit_code = 75

    def __init__(self, namespace: str, window: str, carried: int, there: int) -> None:
        super().__init__(
            f"Of {window} there are {carried:,} records in {namespace} and {there:,} on the log: "
            "they can't agree. Replay it again under another --id, or verify without --replay."
        )
        self.namespace, self.carried, self.there = namespace, carried, there


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be verified: a window of the log, of one `night` or (None) all of it.

    `ends` is how far the log went when the window was found. A table that stands still for
    `patience` s counts as behind. `replay` is the log, seen with a replay's namespace.
    """

    window: Window
    ends: Ends
    night: str | None
    patience: float
    replay: Cluster | None = None

    def takes(self, view: View) -> bool:
        """Whether a view can be compared."""
        carried = {topic.name for topic in RECORDED}
        return (self.night is None or view.of_night is not None) and (
            self.replay is None or carried.issuperset(view.topics)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """A view's digests by what was digested (live, replayed, rebuilt), and its rows.

    `passed` is how many records the view does without, quarantined or dropped.
    """

    view: str
    rows: int
    digests: Mapping[str, str]
    passed: int = 0

    @property
    def agrees(self) -> bool:
        """Whether all digests are one."""
        return len(set(self.digests.values())) == 1


def verify(
    cluster: Cluster,
    registry: Registry,
    database: Database,
    views: Sequence[View],
    asked: Asked,
    advance: Callable[[int], None],
) -> list[Verdict]:
    """Return each view's digests: live, rebuilt from the log, and of a replay's tables.

    Of one night, only the views whose rows belong to nights are compared, and only their rows of
    that night; with a replay, only views of what a replay carries. Raises `TablesBehind` where a
    table lags and does not move, and `ReplayOutdated` where the replay does not have the records
    that the log has of the window. What the live tables pass over is passed over; any other record
    that a view can't take in is `BadRecord`.
    """
    chosen = [view for view in views if asked.takes(view)]
    sides = {"live": Tables(cluster, database, _of_window(asked), asked.patience)}
    if asked.replay is not None:
        must = _whole(asked.replay, chosen)
        sides["replayed"] = Tables(asked.replay, database, must, asked.patience)
    for tables in sides.values():
        for view in chosen:
            tables.wait_for(view)
    with tempfile.TemporaryDirectory(prefix="evctl-verify-") as folder:
        scratch = connect(f"sqlite:///{Path(folder) / 'rebuilt.sqlite'}")
        try:
            judge = Verifying(Fates(cluster, registry), cluster.namespace)
            refold = Refold(cluster, registry, asked.window, asked.ends, judge, advance)
            refold.make(ViewStore(scratch, view, cluster.namespace) for view in chosen)
            return [_verdict(view, sides, refold, asked, registry) for view in chosen]
        finally:
            scratch.close()


def _of_window(asked: Asked) -> Ends:
    """Return which offsets the live tables must have read: up to the window's last."""
    return {
        place: (asked.ends[place][0], max(end for _, end in spans))
        for place, spans in asked.window.ranges.items()
    }


def _whole(cluster: Cluster, views: Sequence[View]) -> Ends:
    names = sorted({name for view in views for name in view.topics})
    return reading.whole(cluster, places_of(cluster, [topic(name) for name in names]))


def _verdict(
    view: View, sides: Mapping[str, Tables], refold: Refold, asked: Asked, registry: Registry
) -> Verdict:
    shown = {side: tables.snapshot(view, asked.night) for side, tables in sides.items()}
    live = shown["live"]
    digests = {side: found.digest for side, found in shown.items()}
    digests["rebuilt"] = refold.digest(view, asked.night, live.positions)
    if asked.replay is not None and digests["replayed"] != digests["rebuilt"]:
        _require_as_many(asked.replay, registry, asked.window, view, refold, live)
    return Verdict(view.name, live.rows, digests, refold.passed(view))


def _require_as_many(
    replay: Cluster, registry: Registry, window: Window, view: View, refold: Refold, live: Snapshot
) -> None:
    """Raise `ReplayOutdated` unless the replay has as many records of the window as the log."""
    spans = {place: [span] for place, span in _whole(replay, [view]).items()}
    carried, there = count(replay, registry, window, spans), refold.count(live.positions)
    if carried != there:
        raise ReplayOutdated(replay.namespace, window.name, carried, there)
