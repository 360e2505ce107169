"""What becomes of a record that a view can't take in: it depends on who is reading, and why.

- `Live` puts it in quarantine and passes it over, as it does with what is there or was dropped;
- `Rebuilding` passes over what was dropped, and stops at any other (`BadRecord`);
- `Verifying` passes over what the live tables do, and stops at any other.

What is recorded is heeded, also by a reader that would fare otherwise with a record now: so a
table is a function of the log.
"""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from infra.counting import counted
from infra.log.batches import Batch, Fault
from infra.log.reading import Place, Span
from infra.quarantine.entries import Status, digest_of
from infra.quarantine.errors import BadRecord
from infra.quarantine.writing import Quarantine
from schemas.record import Position
from schemas.topics import QUARANTINE, bare_name

_LOGGER = logging.getLogger("evctl.projections")
_NAMED = 10
"""So many records of a batch are named in the log; the topic has all."""


class Recorded(Protocol):
    """What is recorded of readers and records: `infra.quarantine.fates.Fates`."""

    def refresh(self) -> None:
        """Read what was added since the last time."""

    def knows(self, reader: str) -> bool:
        """Whether anything is recorded of a reader."""

    def passed(
        self, reader: str, statuses: Collection[Status], spans: Mapping[Place, Span]
    ) -> Mapping[Position, str]:
        """Return the records of spans that have these statuses, each with its digest."""

    def is_undisputed(self, reader: str, ends: Mapping[Place, int]) -> bool:
        """Whether nothing was ever recorded of records before `ends`."""


class Judge:
    """Says which records a view passes over; `fates` is what the quarantine topic says.

    A record that the view can't take in for another reason is `BadRecord`.
    """

    statuses: Collection[Status] = ()
    """Records of these are passed over."""

    def __init__(self, fates: Recorded, namespace: str) -> None:
        self._fates, self._namespace = fates, namespace
        self.passed = Counter[str]()
        """How many records each view has passed over for their status."""

    def refresh(self) -> None:
        """Take note of what is recorded by now."""
        self._fates.refresh()

    def known(self, view: str, batch: Batch) -> Collection[Position]:
        """Return which records of a batch, if any, a view has to pass over if it `spares` them."""
        return (
            self._fates.passed(view, self.statuses, batch.spans) if self._fates.knows(view) else ()
        )

    def is_undisputed(self, view: str, ends: Mapping[Place, int]) -> bool:
        """Whether nothing is recorded, whatever it is, of a view's records before `ends`."""
        return self._fates.is_undisputed(view, ends)

    def spares(self, view: str, fault: Fault) -> bool:
        """Whether a view has to pass over a record, which is known by position and content."""
        if not self._fates.knows(view):
            return False
        topic, partition, offset = fault.position
        alone = {(topic, partition): (offset, offset + 1)}
        digest = self._fates.passed(view, self.statuses, alone).get(fault.position)
        if digest is None or digest != digest_of(fault.message):
            return False
        self.passed[view] += 1
        return True

    def refuse(self, view: str, faults: Sequence[Fault]) -> None:
        """Let a view pass over records that it can't take in, or raise `BadRecord`.

        What can't be read in the quarantine topic itself is passed over by all, for to put it
        there would put it before the same reader again.
        """
        others = []
        for fault in faults:
            if bare_name(fault.position.topic) == QUARANTINE.name:
                _LOGGER.warning("%s passes over %s: %s", view, fault.position, fault.reason)
            else:
                others.append(fault)
        if others:
            self._refuse(view, others)

    def _refuse(self, view: str, faults: Sequence[Fault]) -> None:
        first = min(faults, key=lambda fault: fault.position)
        raise BadRecord(view, first.position, first.reason, self._namespace)


class Rebuilding(Judge):
    """Takes in every record that nobody dropped."""

    statuses = (Status.DROPPED,)


class Verifying(Judge):
    """Takes in what the live tables took in."""

    statuses = (Status.QUARANTINED, Status.DROPPED)


class Live(Judge):
    """Puts records in quarantine; `put` is how many were put there that were not before.

    An instance that was replaced may be told so late: what it puts there does not count.
    """

    statuses = (Status.QUARANTINED, Status.DROPPED)

    def __init__(self, quarantine: Quarantine, namespace: str) -> None:
        super().__init__(quarantine.fates, namespace)
        self._quarantine = quarantine
        self._epochs: dict[str, dict[Place, int]] = {}
        self._unsaid: dict[tuple[str, Place], int] = {}
        self.put = self.announced = 0

    def epoch(self, view: str, place: Place) -> int:
        """Return the highest epoch that the topic has of the instances that read a partition."""
        return self._quarantine.fates.epoch(view, place)

    def taken(self, view: str, place: Place, epoch: int) -> None:
        """Take note that this instance reads a partition now; `announce` before it reads."""
        self._epochs.setdefault(view, {})[place] = epoch
        if epoch > 1 and bare_name(place[0]) != QUARANTINE.name:  # or nobody puts anything there
            self._unsaid[view, place] = epoch

    def announce(self, topics: Collection[str]) -> None:
        """Say which partitions of topics were taken; an instance before says nothing from now on.

        What it has said until now is known then.
        """
        mine = [case for case in sorted(self._unsaid) if case[1][0] in topics]
        if mine:
            self._quarantine.took_over((*case, self._unsaid[case]) for case in mine)
            for case in mine:
                del self._unsaid[case]
            self.announced += len(mine)
            self.refresh()

    def _refuse(self, view: str, faults: Sequence[Fault]) -> None:
        self.put += self._quarantine.put_all(view, faults, self._epochs.get(view, {}))
        for fault in faults[:_NAMED]:
            _LOGGER.warning("%s: %s is quarantined: %s", view, fault.position, fault.reason)
        _LOGGER.warning("%s quarantined since the start", counted(self.put, "record"))
