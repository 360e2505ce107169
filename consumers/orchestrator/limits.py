"""What the orchestrator's settings allow, from the text that records have of them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from consumers.orchestrator.constraints import Constraints

SECTION = "orchestrator"
BUILTIN, EXTERNAL = "builtin", "external"


class Limits(NamedTuple):
    """When shots may be run; times in s, seeing in arcsec, sky brightness in mag/arcsec².

    A sky is the darker, the greater its brightness in magnitudes.
    """

    window: float
    measurements: int
    age: float
    seeing: float
    transparency: float
    sky_brightness: float
    heartbeat: float
    replan: float
    retry_failed: float
    request_valid: float
    scheduler: str
    constraints: Constraints


def limits_of(settings: Mapping[str, str]) -> Limits:
    """Return what settings say; raise `KeyError` or `ValueError` for one that is not there."""
    return _limits(tuple(sorted(settings.items())))


@lru_cache(maxsize=64)
def _limits(items: tuple[tuple[str, str], ...]) -> Limits:
    said = dict(items)
    return Limits(
        window=float(said["metrology_window"]),
        measurements=int(said["metrology_count"]),
        age=float(said["metrology_age"]),
        seeing=float(said["seeing_limit"]),
        transparency=float(said["transparency_limit"]),
        sky_brightness=float(said["sky_limit"]),
        heartbeat=float(said["heartbeat_timeout"]),
        replan=float(said["replan_interval"]),
        retry_failed=float(said["retry_failed"]),
        request_valid=float(said["request_valid"]),
        scheduler=said["scheduler"],
        constraints=Constraints.of(said),
    )


def fits(settings: Mapping[str, str], option: str, value: str) -> str:
    """Return why a value can't be an option's; empty if it can."""
    if option not in settings:
        known = ", ".join(sorted(settings)) or "none"
        return f"the orchestrator has no option {option!r}; known: {known}"
    try:
        limits_of({**settings, option: value})
    except ValueError as fault:
        return f"{value!r} is no value of {option}: {fault}"
    return ""
