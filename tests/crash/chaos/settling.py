"""The end of a stretch: all is let come to rest, and compared."""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from infra.database import connect
from infra.database.seats import Seat, SeatStore
from infra.indexing import nights_of
from infra.log import reading, topics
from projections import views
from schemas.topics import OBSERVATORY
from tests.crash.chaos.comparing import compare_board, compare_rows, rows_of
from tests.crash.chaos.publisher import last_acknowledged
from tests.crash.chaos.result import Result
from tests.crash.chaos.script import SOURCES, Script
from tests.crash.chaos.witness import Decisions, Notices, Witness
from tests.e2e.stage import Stage

_SETTLE_S, _VERIFY_S = 180.0, 300.0
_FINAL = "final"


class Settling:
    """Compares the log, the tables and the world with what has to be there."""

    def __init__(self, stage: Stage, script: Script, result: Result) -> None:
        self._stage, self._script, self._result = stage, script, result
        first = {seat.service: seat.decides_from for seat in seats(stage)}
        decisions, notices = Decisions(first["silence"]), Notices(first["notices"])
        self.witness = Witness(script, decisions, notices)
        there = views(nights_of(stage.settings)).values()
        self._views = [view.name for view in there if OBSERVATORY.name in view.topics]

    def wait(self, tend: Callable[[], None]) -> bool:
        """Wait until all that has to follow from what was published has followed."""
        deadline = monotonic() + _SETTLE_S
        while missing := self._missing():
            if monotonic() > deadline:
                self._result.faults.append(f"after {_SETTLE_S:g} s {missing}")
                return False
            tend()
        return True

    def _missing(self) -> str:
        cluster, witness = self._stage.cluster, self.witness
        witness.read(cluster)
        if witness.decisions.waiting:
            return f"{len(witness.decisions.waiting)} decisions are missing"
        if witness.notices.waiting:
            return f"{witness.notices.waiting} notices have no end"
        behind = [v for v in self._views if self._stage.applied(v) < witness.next_offset]
        if behind:
            return f"{', '.join(behind)} have not read up to {witness.next_offset}"
        place = (OBSERVATORY.full_name(cluster.namespace), 0)
        end = reading.whole(cluster, [place])[place][1]
        return "" if end == witness.next_offset else f"the log goes on at {end}"

    def compare(self) -> None:
        """Compare all, and say in the result what was found."""
        result, rows, witness = self._result, dict(rows_of(self._stage)), self.witness
        result.settled += 1
        for source in SOURCES:
            acked, said = last_acknowledged(self.journal(source)), witness.said[source]
            result.tallies[f"{source}, the log"] = said.compare(acked)
            tally = compare_rows(rows, said, self._script, acked)
            result.tallies[f"{source}, tcs_events"] = tally
        if rows:
            result.faults.append(f"{len(rows)} rows of tcs_events are nobody's")
        result.tallies["decisions"] = witness.decisions.tally
        result.tallies["ends of notices"] = witness.notices.tally
        board = self._stage.settings.log.data_dir.parent / "notices"
        tally, result.acted_twice = compare_board(board, witness.notices)
        result.tallies["notices on the board"] = tally
        self._verify()

    def journal(self, source: str) -> Path:
        """Return the file in which a publisher notes what was acknowledged."""
        return self._stage.folder / f"{source}.journal"

    def forget_replays(self) -> None:
        """Delete the topics of replays: the next ones would find less and less room."""
        cluster = self._stage.cluster
        replays = [name for name in topics.existing(cluster) if name.startswith("replay.")]
        if replays:
            topics.delete(cluster, replays)

    def replay(self) -> None:
        """Replay all, make tables of that, and compare them, too."""
        done, namespace = self._stage.done, ("--namespace", f"replay.{_FINAL}.")
        done("replay", "--all", "--speed", "max", "--id", _FINAL, timeout=_VERIFY_S)
        done(*namespace, "run", "projections", "--once", timeout=_VERIFY_S)
        self._verify("--replay", _FINAL)

    def _verify(self, *more: str) -> None:
        said = self._stage.evctl("verify", "all", "--json", *more, timeout=_VERIFY_S)
        if said.code not in {0, 1}:
            self._result.faults.append(f"evctl verify ended with {said.code}: {said.sentence}")
            return
        views = json.loads(said.out)["views"]
        differ = [view["view"] for view in views if not view["agrees"]]
        self._result.digests = f"{', '.join(differ)} DIFFER" if differ else "equal"


def seats(stage: Stage) -> list[Seat]:
    """Return the seats of services and workers, as the database has them."""
    database = connect(stage.settings.database.url)
    try:
        return SeatStore(database, stage.cluster.namespace).seats()
    finally:
        database.close()
