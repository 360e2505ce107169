"""What `evctl verify` has found, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from infra.counting import counted
from infra.projecting.verifying import Verdict
from infra.sealing.verdict import Checked
from infra.serving.comparing import Comparison
from schemas.utc import iso


def as_json(
    found: Sequence[Verdict], checked: Checked | None, decided: Comparison | None = None
) -> str:
    """Return one JSON object."""
    parts = [one for one in (checked, decided) if one is not None]
    said: dict[str, Any] = {
        "agrees": all(one.agrees for one in [*found, *parts]),
        "views": [
            {
                "view": v.view,
                "rows": v.rows,
                "agrees": v.agrees,
                "passed_over": v.passed,
                "digests": dict(v.digests),
            }
            for v in found
        ],
    }
    if checked is not None:
        said["seal"] = _seal(checked)
    if decided is not None:
        said["decisions"] = decided.as_json()
    return json.dumps(said, indent=2)


def _seal(checked: Checked) -> dict[str, Any]:
    seal = checked.seal
    return {
        "night": seal.night,
        "version": seal.version,
        "time": iso(seal.time),
        "records": seal.records,
        "agrees": checked.agrees,
        "findings": [
            {"kind": one.kind, "fault": one.fault, "text": one.text} for one in checked.findings
        ],
    }


def table(found: Sequence[Verdict]) -> str:
    """Return the verdicts as a table: a line a view, the digests' first 16 digits."""
    sides = list(found[0].digests)
    lines = [f"{'view':<16}{'rows':>10}  " + "".join(f"{side:<18}" for side in sides)]
    for verdict in found:
        digests = "".join(f"{verdict.digests[side][:16]:<18}" for side in sides)
        said = "same" if verdict.agrees else "DIFFERENT"
        if verdict.passed:
            said += f", without {verdict.passed:,} quarantined or dropped"
        lines.append(f"{verdict.view:<16}{verdict.rows:>10,}  {digests}{said}")
    return "\n".join(lines)


def told(checked: Checked) -> Iterator[str]:
    """Yield lines about a sealed night."""
    seal = checked.seal
    said = "as it was sealed" if checked.agrees else "NOT AS IT WAS SEALED"
    yield (
        f"{seal.night} was sealed at {iso(seal.time)} (version {seal.version}, "
        f"{counted(seal.records, 'record')}): {said}"
    )
    for one in checked.findings:
        yield f"  {one.text}"
    if any(one.kind == "late" for one in checked.findings):
        yield f"  Late records are no fault: `evctl seal {seal.night}` takes them in."
