"""What came of going through a part of the log again, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.counting import counted
from infra.reprocessing.against_live import Compared
from infra.serving.comparing import Comparison


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole report; `decisions` is None where no service ran.

    `records` are of the part, `read` those read for it; `settings` are the digests of those that
    each service had at the end, and `others` the services for which the site has others by now.
    """

    part: str
    file: Path
    records: int
    read: int
    seconds: float
    settings: Mapping[str, str]
    others: Sequence[str]
    decisions: Comparison | None
    views: Sequence[Compared]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs of what was compared."""
        decided = self.decisions is None or self.decisions.agrees
        return decided and not any(one.differs for one in self.views)

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "agrees": self.agrees,
            "part": self.part,
            "file": str(self.file),
            "records": self.records,
            "read": self.read,
            "seconds": round(self.seconds, 3),
            "rate": round(self.read / self.seconds) if self.seconds else None,
            "services": dict(self.settings),
            "other_settings": list(self.others),
            "decisions": None if self.decisions is None else self.decisions.as_json(),
            "views": [one.as_json() for one in self.views],
        }

    def lines(self) -> Iterator[str]:
        """Yield the report for people."""
        rate = self.read / self.seconds if self.seconds else 0
        yield (
            f"Reprocessed {self.part}: {counted(self.records, 'record')} into {self.file}, "
            f"{self.read:,} read in {self.seconds:.1f} s ({rate:,.0f}/s)."
        )
        if self.decisions is not None:
            yield from self.decisions.lines()
        for name in self.others:
            yield (
                f"{name} has other settings by now, or had none then: with --settings present it "
                "decides by them."
            )
        if self.views:
            yield f"{'view':<16}{'night':<12}{'rows':>10}  {'here':<18}{'live':<18}"
        for one in self.views:
            yield (
                f"{one.view:<16}{one.night or '':<12}{one.rows:>10,}  {one.digest[:16]:<18}"
                f"{(one.live or '')[:16]:<18}{_verdict(one)}"
            )


def _verdict(one: Compared) -> str:
    if one.live is None:
        return f"not compared: {one.why_not}"
    return "DIFFERENT" if one.differs else "same"
