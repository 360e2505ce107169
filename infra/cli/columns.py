"""Rows as lines whose columns stand under each other."""

from collections.abc import Sequence


def in_columns(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return a line for each row."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
