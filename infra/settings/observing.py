"""Options of those who choose shots and run them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from infra.settings.option import Option
from infra.settings.section import Section, command_words

PLACEHOLDERS = ("shot_file", "jd", "azimuth", "seeing", "transparency")
"""What an external scheduler may be told on its command line."""


class Shots(Section):
    """Which shots the site means to observe, under OCD's name."""

    shot_file: Annotated[Path | None, Option("static", "", "a file in the columns of OCD")] = None


_DEGREES = Option("modifiable", "deg", "a number of degrees, -90 to 90")


class Orchestrator(Section):
    """What the service `orchestrator` decides by; `consumers.orchestrator` has the rules."""

    scheduler: Annotated[
        Literal["builtin", "external"], Option("static", "", "builtin or external")
    ] = "builtin"
    exposure_time: Annotated[
        float,
        Option("modifiable", "s", "a number of seconds above 0, up to 3600"),
        Field(gt=0, le=3600),
    ] = 360.0
    setup_time: Annotated[
        float, Option("modifiable", "s", "a number of seconds, 0 to 3600"), Field(ge=0, le=3600)
    ] = 300.0
    readout_time: Annotated[
        float, Option("modifiable", "s", "a number of seconds, 0 to 3600"), Field(ge=0, le=3600)
    ] = 45.0
    sun_below: Annotated[float, _DEGREES, Field(ge=-90, le=90)] = -18.0
    moon_below: Annotated[float, _DEGREES, Field(ge=-90, le=90)] = 0.0
    moon_illumination: Annotated[
        float, Option("modifiable", "part of the disc", "a number, 0 to 1"), Field(ge=0, le=1)
    ] = 0.0
    metrology_window: Annotated[
        float,
        Option("modifiable", "s", "a number of seconds above 0, up to 3600"),
        Field(gt=0, le=3600),
    ] = 300.0
    metrology_count: Annotated[
        int, Option("modifiable", "measurements", "a whole number, 1 to 500"), Field(ge=1, le=500)
    ] = 3
    metrology_age: Annotated[
        float, Option("modifiable", "s", "a number of seconds above 0"), Field(gt=0)
    ] = 60.0
    seeing_limit: Annotated[
        float, Option("modifiable", "arcsec", "a number above 0"), Field(gt=0)
    ] = 2.5
    transparency_limit: Annotated[
        float, Option("modifiable", "none", "a number, 0 to 1"), Field(ge=0, le=1)
    ] = 0.5
    sky_limit: Annotated[float, Option("modifiable", "mag/arcsec2", "a number")] = 18.0
    heartbeat_timeout: Annotated[
        float, Option("modifiable", "s", "a number of seconds above 0"), Field(gt=0)
    ] = 30.0
    replan_interval: Annotated[
        float, Option("modifiable", "s", "a number of seconds above 0"), Field(gt=0)
    ] = 10.0
    retry_failed: Annotated[
        float, Option("modifiable", "s", "a number of seconds, 0 or more"), Field(ge=0)
    ] = 1800.0
    request_valid: Annotated[
        float,
        Option("modifiable", "s", "a number of seconds above 0, up to 3600"),
        Field(gt=0, le=3600),
    ] = 30.0


def _fillable(word: str) -> str:
    """Refuse a placeholder that nothing is known to put in its place."""
    try:
        word.format_map(dict.fromkeys(PLACEHOLDERS, ""))
    except (KeyError, ValueError, IndexError, AttributeError) as fault:
        known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"its placeholders are {known}") from fault
    return word


class Scheduler(Section):
    """Which program the worker `external_scheduler` calls."""

    command: Annotated[
        tuple[Annotated[str, Field(min_length=1), AfterValidator(_fillable)], ...],
        BeforeValidator(command_words),
        Option("static", "", "a list of a program and its words, with placeholders"),
    ] = ()
    timeout: Annotated[
        float,
        Option("static", "s", "a number of seconds above 0, up to 3600"),
        Field(gt=0, le=3600),
    ] = 30.0
