"""Whether any shot could be run now: rules over conditions and states of machines."""

from collections.abc import Sequence

from consumers.orchestrator.limits import Limits
from consumers.orchestrator.machines import WANTED
from schemas.events.orchestrator import Conditions, Verdict
from schemas.utc import MICROS


def sky_verdicts(found: Conditions, limits: Limits) -> Sequence[Verdict]:
    """Return what the rules about the guiders' measurements say."""
    count, newest = found.measurements, found.newest
    age = None if newest is None else (found.time - newest) / MICROS
    return (
        Verdict(
            "measurements",
            count >= limits.measurements,
            f"{count} measurements in {limits.window:g} s; at least {limits.measurements}.",
        ),
        Verdict(
            "age",
            age is not None and age <= limits.age,
            f"the newest is {'none' if age is None else f'{age:.1f} s old'}; "
            f"at most {limits.age:g} s.",
        ),
        _at_most("seeing", found.seeing, limits.seeing, "arcsec"),
        _at_least("transparency", found.transparency, limits.transparency, ""),
        _at_least("sky_brightness", found.sky_brightness, limits.sky_brightness, "mag/arcsec2"),
    )


def _at_most(rule: str, value: float | None, limit: float, unit: str) -> Verdict:
    return Verdict(rule, value is not None and value <= limit, _said(value, "at most", limit, unit))


def _at_least(rule: str, value: float | None, limit: float, unit: str) -> Verdict:
    said = _said(value, "at least", limit, unit)
    return Verdict(rule, value is not None and value >= limit, said)


def _said(value: float | None, bound: str, limit: float, unit: str) -> str:
    found = "not measured" if value is None else f"{value:.2f}"
    return f"{found}; {bound} {limit:g} {unit}".rstrip() + "."


def machine_verdicts(found: Conditions) -> Sequence[Verdict]:
    """Return whether each machine is where a shot needs it."""
    return tuple(
        Verdict(name, found.states[name] == wanted, f"it is {found.states[name]}; {wanted} needed.")
        for name, wanted in WANTED.items()
    )


def verdicts(found: Conditions, limits: Limits | None) -> Sequence[Verdict]:
    """Return what every rule says that needs no shot."""
    if limits is None:
        return (Verdict("settings", False, "the orchestrator has no settings yet."),)
    return (*machine_verdicts(found), *sky_verdicts(found, limits))
