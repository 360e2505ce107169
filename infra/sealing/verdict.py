"""All that is to be said of a sealed night, in the order in which people ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.projecting.verifying import Verdict
from infra.sealing import checking
from infra.sealing.contents import Seal
from infra.sealing.findings import Finding
from infra.sealing.place import Site
from infra.windows import EmptyWindow, NightIndex, Window
from schemas.errors import EvctlError

Compare = Callable[[NightIndex, Window], Sequence[Verdict]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A seal, what was found about it, and the views' digests where they could be compared."""

    seal: Seal
    findings: Sequence[Finding]
    verdicts: Sequence[Verdict]

    @property
    def agrees(self) -> bool:
        """Whether nothing is at fault."""
        return not any(found.fault for found in self.findings)


def check(site: Site, seal: Seal, compare: Compare, *, from_zero: bool) -> Checked:
    """Hold a night against its seal; `compare` returns live and rebuilt digests of a window.

    What keeps tables from being compared is a finding where the log is known to be at fault;
    else it is raised.
    """
    found = [
        *checking.check_files(site, seal),
        *checking.check_schemas(site, seal),
        *checking.check_log(site, seal),
    ]
    verdicts: Sequence[Verdict] = ()
    try:
        index = site.index()
        window = index.night(seal.night)
        late = list(checking.check_late(site, seal, window))
        found += late
        verdicts = compare(index, window)
        found += checking.check_tables(site, seal, window, verdicts, late=bool(late))
        found += checking.check_whole(site, seal, from_zero=from_zero)
    except EmptyWindow as fault:
        found.append(Finding("hole", str(fault)))
    except EvctlError as fault:
        if not any(one.fault for one in found):
            raise
        found.append(Finding("view", f"The tables can't be compared: {fault}"))
    return Checked(seal, found, verdicts)
