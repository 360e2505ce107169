"""Whether the indexes of aborted transactions say what the markers in their segments say.

Kafka's format has no checksum for them, and one that lacks a row shows aborted records to readers
of committed ones. So an index that an earlier process wrote counts only after it was compared with
the headers of its segment, when it is first needed.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.broker.storage.aborted import TXN_SUFFIX, Aborted, Met
from infra.broker.storage.batch import BatchHeader, InvalidBatch
from infra.broker.storage.markers import MARKER_SIZE, is_commit
from infra.broker.storage.segment import Segment

_LOG = logging.getLogger(__name__)


class Abort(NamedTuple):
    """An abort marker at `offset`; the producer's marker before it lies at `after`, −1 if none.

    `first` is the first record between them, null if there is none, and every transaction that
    begins before `stable` is decided.
    """

    producer_id: int
    after: int
    first: int | None
    offset: int
    stable: int

    def fits(self, entry: Aborted | None) -> bool:
        """Whether readers who go by `entry` pass over the right records.

        Compaction and retention take records, so a transaction may have begun before `first`.
        """
        if entry is None:
            return self.first is None
        latest = self.offset if self.first is None else self.first
        return entry.producer_id == self.producer_id and self.after < entry.first_offset <= latest

    def entry(self) -> Aborted | None:
        """Return what the index must say; null for a marker that has ended nothing."""
        if self.first is None:
            return None
        return Aborted(self.producer_id, self.first, self.offset, self.stable)


@dataclass(slots=True)
class Transactions:
    """The transactions that are met in headers, in the order of the log."""

    open: dict[int, int] = field(default_factory=dict)  # producer → its first record
    ended: dict[int, int] = field(default_factory=dict)  # producer → its last marker

    def take_in(self, header: BatchHeader, commit: bool | None) -> Abort | None:
        """Note a batch; returns what it is if it is an abort marker."""
        pid = header.producer_id
        if commit is None:
            if header.is_transactional and not header.is_control:
                self.open.setdefault(pid, header.base_offset)
            return None
        first = self.open.pop(pid, None)
        after = self.ended.get(pid, -1)
        self.ended[pid] = header.base_offset
        if commit:
            return None
        stable = next(iter(self.open.values()), header.base_offset + 1)
        return Abort(pid, after, first, header.base_offset, stable)

    def read(self, segment: Segment) -> list[Abort]:
        """Take in the headers of a segment; returns the abort markers in it."""
        aborts = []
        for position, header in segment.headers(0):
            if header.is_transactional:
                marker = os.pread(segment.fd, MARKER_SIZE, position) if header.is_control else b""
                abort = self.take_in(header, is_commit(marker, header))
                aborts += [] if abort is None else [abort]
        return aborts


def differing(entries: Iterable[Aborted], aborts: Iterable[Abort]) -> Iterator[tuple[int, str]]:
    """Yield (offset of the marker, what is wrong) where an index does not fit the markers."""
    rows = {entry.last_offset: entry for entry in entries}
    for abort in aborts:
        row = rows.pop(abort.offset, None)
        if not abort.fits(row):
            wrong = "is missing" if row is None else "names other records"
            yield abort.offset, f"the row of an aborted transaction {wrong}"
    for offset in rows:
        yield offset, "a row of a transaction that has no abort marker"


def deciding(segments: list[Segment], following: list[Segment], end: int) -> list[Segment]:
    """Return those of the `following` segments that decide on what is read before `end`.

    Their indexes can be relied on then. `segments` are all of the log.
    """
    found: list[Segment] = []
    undecided: set[int] = set()
    own = False  # met a segment of this process, which has no list of its transactions
    for segment in following:
        if segment.base_offset >= end and not undecided and not own:
            break
        found.append(segment)
        met = _verified(segments, segment)
        if met is None:
            own = True
            continue
        undecided -= met.ended
        if segment.base_offset < end:
            undecided |= met.open
    return found


def _verified(segments: list[Segment], segment: Segment) -> Met | None:
    """Compare an index that this process did not write, once; returns what was met then."""
    if segment.writes_aborted or segment.met is not None:
        return segment.met
    met = Transactions()
    try:
        aborts = met.read(segment)
        if segment.aborted.entries == [abort.entry() for abort in aborts]:
            _settle(segment, met, growing=segment is segments[-1])
        else:
            # a transaction that began in an earlier segment, or damage: the whole log can tell
            _verify_all(segments)
    except InvalidBatch as bad:
        _LOG.error("aborted transactions of %s can't be verified: %s", segment.path, bad.message)
        _settle(segment, met, growing=segment is segments[-1])
    return segment.met


def _verify_all(segments: list[Segment]) -> None:
    """Compare all indexes with the markers, and go on with rows in memory where they differ."""
    met = Transactions()
    for segment in segments:
        aborts = met.read(segment)
        if segment.writes_aborted:
            continue
        wrong = list(differing(segment.aborted.entries, aborts))
        if wrong:
            _LOG.error(
                "%s leads astray (%s at offset %d): its rows were made anew from the log; run "
                "`evctl broker check`",
                segment.path.with_suffix(TXN_SUFFIX),
                wrong[0][1],
                wrong[0][0],
            )
            entries = [entry for abort in aborts if (entry := abort.entry()) is not None]
            segment.aborted.replace(entries)
        _settle(segment, met, growing=segment is segments[-1])


def _settle(segment: Segment, met: Transactions, *, growing: bool) -> None:
    """Note that an index can be relied on; what is appended to the last one is this process's."""
    if growing:
        segment.writes_aborted = True
        return
    ended = (pid for pid, offset in met.ended.items() if offset >= segment.base_offset)
    segment.met = Met(frozenset(met.open), frozenset(ended))
