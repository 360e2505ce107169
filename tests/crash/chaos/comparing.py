"""The tables and the world beside what the publishers and the log say."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from schemas.events.notices import NoticeDelivered
from schemas.events.tcs import TcsEvent
from schemas.record import Provenance
from tests.crash.chaos.script import Script
from tests.crash.chaos.tally import Tally
from tests.crash.chaos.witness import Notices, Said
from tests.e2e.stage import Stage

_ACTS = "notices.log"
_ROWS = (
    "SELECT event_id, data_time, tcs_system, tcs_source, payload FROM tcs_events "
    "ORDER BY data_time, event_id"
)


def rows_of(stage: Stage) -> Mapping[bytes, list[tuple[Any, ...]]]:
    """Return the rows of `tcs_events` by the id of their record."""
    found: dict[bytes, list[tuple[Any, ...]]] = {}
    for identity, *rest in stage.rows(_ROWS):
        found.setdefault(bytes(identity), []).append(tuple(rest))
    return found


def compare_rows(
    rows: dict[bytes, list[tuple[Any, ...]]], said: Said, script: Script, acked: int
) -> Tally:
    """Take a publisher's rows out of all, and compare them: what is on the log has one row."""
    found = Tally()
    for seq in range(max(acked + 1, said.next_seq)):
        event = script.event(said.source, seq)
        if not isinstance(event, TcsEvent):
            continue
        there = rows.pop(Provenance(said.source, seq).id_bytes, [])
        found.compared += 1
        found.lost += not there
        found.duplicated += max(0, len(there) - 1)
        wanted = (event.data_time, event.system, event.source)
        found.altered += any(
            row[:3] != wanted or orjson.loads(row[3]) != event.values for row in there
        )
    return found


def compare_board(board: Path, notices: Notices) -> tuple[Tally, int]:
    """Compare what hangs on the board with what the log says; return also what was done twice."""
    acts = board / _ACTS
    lines = acts.read_text(encoding="utf-8").splitlines() if acts.exists() else []
    times = Counter(line.split("  ")[1] for line in lines)
    up, delivered = {path.stem for path in board.glob("*.txt")}, notices.of(NoticeDelivered)
    found = Tally(compared=len(up), lost=len(delivered - up), altered=len(up - delivered))
    found.altered += len(times.keys() - up)
    return found, sum(number - 1 for number in times.values())
