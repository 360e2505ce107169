"""What a campaign found, as people read it."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from tests.crash.chaos.schedule import Kind
from tests.crash.chaos.tally import Tally
from tests.crash.chaos.timing import RESTART_BAR_S, STANDBY_BAR_S, Timing, share


@dataclass(slots=True)
class Result:
    """Kills and blows, what was compared last, and faults: what no number can say."""

    site: str
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    dealt: Counter[Kind] = field(default_factory=Counter)
    settled: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    acted_twice: int = 0
    digests: str = "not compared"
    timing: Timing = field(default_factory=Timing)
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, disordered or done twice, and all digests agree."""
        tallies = bool(self.tallies) and all(tally.is_clean for tally in self.tallies.values())
        agrees = self.digests in {"equal", "not compared"}
        return tallies and agrees and not self.acted_twice and not self.faults

    @property
    def keeps_bars(self) -> bool:
        """Whether processes serve again as soon as they have to."""
        slow = share(self.timing.restart_s, 95) > RESTART_BAR_S
        return not slow and max(self.timing.standby_s, default=0.0) <= STANDBY_BAR_S

    def __str__(self) -> str:
        title = (
            f"Site {self.site}, seed {self.seed}: {sum(self.kills.values())} kills in "
            f"{sum(self.dealt.values())} rounds, settled and compared {self.settled} times."
        )
        world = (
            f"Acted twice: {self.acted_twice}. Digests of the tables, of those of a replay and "
            f"of those made anew: {self.digests}."
        )
        return "\n".join(
            [
                title,
                "",
                "| compared at the end | number | lost | duplicated | out of order | altered |",
                "| --- | ---: | ---: | ---: | ---: | ---: |",
                *(f"| {name} | {tally.cells()} |" for name, tally in self.tallies.items()),
                "",
                world,
                "",
                _counts("Kills", self.kills),
                _counts("Rounds", self.dealt),
                self._times(),
                *(f"FAULT: {fault}" for fault in self.faults),
            ]
        )

    def _times(self) -> str:
        restarts, standbys = self.timing.restart_s, self.timing.standby_s
        return (
            f"Start of a killed process until it serves: {len(restarts)} times, "
            f"p50 {median(restarts or [0]):.2f} s, p95 {share(restarts, 95):.2f} s, "
            f"longest {max(restarts, default=0):.2f} s (bar: p95 {RESTART_BAR_S:g} s). "
            f"Kill of a holder until its standby serves: {len(standbys)} times, "
            f"p50 {median(standbys or [0]):.2f} s, longest {max(standbys, default=0):.2f} s "
            f"(bar: {STANDBY_BAR_S:g} s). {self.timing.disturbed} more were disturbed by another "
            "blow, and not counted."
        )


def _counts(title: str, found: Counter[str] | Counter[Kind]) -> str:
    said = ", ".join(f"{name} {number}" for name, number in sorted(found.items()))
    return f"{title}: {said}."
