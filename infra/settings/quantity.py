"""Sizes and times as people write them."""

import re

_UNITS = {
    "": 1, "B": 1,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_UNIT = {name.lower(): factor for name, factor in _UNITS.items()}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def to_bytes(value: object) -> object:
    """Turn `256 MB` (10⁶) or `1 GiB` (2³⁰) into bytes; what is no text goes on as it is."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    factor = _UNIT.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"a size is a number and one of {', '.join(filter(None, _UNITS))}")
    return round(float(match[1]) * factor)


def to_text(size: int) -> str:
    """Return a size in bytes for people."""
    for unit in ("TB", "GB", "MB", "kB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f} {unit}"
    return f"{size} B"
