"""The rows of a benchmark's table."""

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One figure: ours, the bare loop's or peer's in the same run, their ratio, and the bar."""

    name: str
    value: float
    unit: str
    bare: float | None = None
    ratio: float | None = None
    note: str = ""


def against(name: str, ours: float, bare: float, unit: str, note: str = "") -> Row:
    """Return the row of a rate beside the bare loop's."""
    return Row(name, ours, unit, bare, ours / bare, note)


def markdown(rows: Sequence[Row], beside: str = "bare") -> str:
    """Return the table as Markdown; `beside` heads the column of what ours is compared with."""
    lines = [f"| what | ours | {beside} | ratio | note |", "|---|---:|---:|---:|---|"]
    for row in rows:
        bare = "" if row.bare is None else f"{_figure(row.bare)} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(
            f"| {row.name} | {_figure(row.value)} {row.unit} | {bare} | {ratio} | {row.note} |"
        )
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
