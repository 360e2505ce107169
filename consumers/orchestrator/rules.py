"""The rules that a shot has to keep to, and what each says of a shot."""

from enum import StrEnum
from typing import NamedTuple

from consumers.orchestrator import het, sky
from consumers.orchestrator.constraints import Constraints
from schemas.utc import MICROS, iso


class Rule(StrEnum):
    """What may keep a shot from being run, in the order in which it is looked at."""

    NO_CANDIDATES = "no_candidates"
    SUN_UP = "sun_up"
    MOON_UP = "moon_up"
    VISITS_DONE = "visits_done"
    WRONG_TRACK = "wrong_track"
    NONE_IN_WINDOW = "none_in_window"
    TRACK_TOO_SHORT = "track_too_short"


class Verdict(NamedTuple):
    """What a rule says of a shot, with the numbers."""

    rule: Rule
    passed: bool
    said: str


def sun_rule(time: int, constraints: Constraints) -> Verdict:
    """Say whether the sun is low from an instant on until a shot's last exposure has ended."""
    instants = time, exposed(time, constraints)
    altitude, worst = max((sky.sun_altitude(t, het.LATITUDE, het.LONGITUDE), t) for t in instants)
    limit = constraints.sun_below_deg
    said = f"The sun's altitude is {altitude:.2f} deg at {_clock(worst)}; allowed: below {limit:g}."
    return Verdict(Rule.SUN_UP, altitude < limit, said)


def moon_rule(time: int, constraints: Constraints) -> Verdict:
    """Say whether the moon is low or thin from an instant on until a shot's end."""
    seen = [
        (sky.moon_at(t, het.LATITUDE, het.LONGITUDE), t) for t in (time, exposed(time, constraints))
    ]
    moon, worst = max(seen)
    limit, lit = constraints.moon_below_deg, constraints.moon_illumination
    said = (
        f"The moon's altitude is {moon.altitude:.2f} deg at {_clock(worst)}, "
        f"{100 * moon.illumination:.0f} % of it are lit; allowed: below {limit:g} deg"
        f"{f', or up to {100 * lit:g} %' * (lit > 0)}."
    )
    passed = all(m.altitude < limit or m.illumination <= lit for m, _ in seen)
    return Verdict(Rule.MOON_UP, passed, said)


def exposed(time: int, constraints: Constraints) -> int:
    """Return when the last exposure ends of a shot whose set-up begins at an instant (µs UTC)."""
    return time + round(constraints.on_track_s * MICROS)


def _clock(time: int) -> str:
    return f"{iso(time)[:19]}Z"
