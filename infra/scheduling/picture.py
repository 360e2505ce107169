"""A night as a picture: when shots are within reach, and in which order they are run."""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from consumers.orchestrator import rules, sky
from consumers.orchestrator.scheduling import Candidates, Constraints, Planned, in_reach
from schemas.errors import EvctlError
from schemas.utc import MICROS

Axes: TypeAlias = Any
"""matplotlib's; imported when a picture is drawn."""

_STEP = 60 * MICROS
_SAMPLED = 5 * 60 * MICROS
_MARGIN = 45 * 60 * MICROS
_COLOURS = {"E": "#0072b2", "W": "#d55e00"}  # told apart by the colour-blind, too
_SIDES = {"E": "east", "W": "west"}
_ROW_INCHES, _WIDTH_INCHES = 0.22, 10
_NAMED_AT_MOST = 60


class PictureNotWritten(EvctlError):
    """The picture can't be written."""

    exit_code = 74

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} was not written: {reason}.")
        self.path = path


class MatplotlibMissing(EvctlError):
    """There is nothing to draw with."""

    exit_code = 69

    def __init__(self) -> None:
        super().__init__("A picture needs matplotlib: pip install 'evctl[plot]'.")


def require_matplotlib() -> None:
    """Raise `MatplotlibMissing` where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise MatplotlibMissing


def draw(
    path: Path,
    night: str,
    bounds: tuple[int, int],
    candidates: Candidates,
    plan: Sequence[Planned],
    constraints: Constraints,
) -> None:
    """Write the picture of a planned night, PNG or SVG by the name; raise `PictureNotWritten`."""
    from matplotlib import rc_context  # noqa: PLC0415 it takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    named = min(len(plan), _NAMED_AT_MOST)
    style: dict[Any, Any] = {
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "evctl",
        "svg.fonttype": "none",
    }
    with rc_context(style), warnings.catch_warnings(action="ignore", category=UserWarning):
        heights = [1.3, max(1.0, _ROW_INCHES * named), 0.9]
        figure = Figure((_WIDTH_INCHES, sum(heights) + 1.4), layout="constrained")
        reach, shots, azimuth = figure.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": heights}
        )
        dark = _dark(bounds, constraints)
        figure.suptitle(_title(night, plan, constraints), fontsize=10, x=0.02, ha="left")
        _draw_reach(reach, candidates, dark, constraints)
        _draw_shots(shots, plan, constraints)
        _draw_azimuth(azimuth, plan)
        _draw_time(figure.axes, bounds, dark)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if _is_svg(path) else None)
        except OSError as fault:
            raise PictureNotWritten(path, fault.strerror or str(fault)) from fault


def _is_svg(path: Path) -> bool:
    return path.suffix.lower() == ".svg"


def _title(night: str, plan: Sequence[Planned], constraints: Constraints) -> str:
    minutes = round(len(plan) * constraints.exposures_s / 60)
    shots = f"{len(plan)} shot{'s' * (len(plan) != 1)}"
    return f"Night {night}: {shots}, {minutes // 60} h {minutes % 60:02} min of open shutter"


def _dark(bounds: tuple[int, int], constraints: Constraints) -> list[int]:
    """Return the instants, in steps, at which sun and moon let a shot begin."""
    return [
        time
        for time in range(*bounds, _STEP)
        if rules.sun_rule(time, constraints).passed and rules.moon_rule(time, constraints).passed
    ]


def _draw_reach(
    axes: Axes, candidates: Candidates, dark: Sequence[int], constraints: Constraints
) -> None:
    """Show how many shots of the list could be begun at each moment."""
    axes.set_ylabel("shots of the list\nthat could begin")
    sampled = [time for time in dark if time % _SAMPLED == 0]
    counts = [in_reach(candidates, time, constraints) for time in sampled]
    if counts:
        axes.stackplot(
            [_date(time) for time in sampled],
            [east for east, _ in counts],
            [west for _, west in counts],
            labels=[_SIDES["E"], _SIDES["W"]],
            colors=[_COLOURS["E"], _COLOURS["W"]],
            alpha=0.5,
            lw=0,
        )
        axes.legend(loc="upper left", ncols=2, frameon=False)
    axes.set_ylim(bottom=0)


def _draw_shots(axes: Axes, plan: Sequence[Planned], constraints: Constraints) -> None:
    """Show a row for each shot: its window pale, its set-up grey, its exposures dark."""
    shown = plan[:_NAMED_AT_MOST]
    setup, exposure = (_days(s) for s in (constraints.setup_s, constraints.exposure_s))
    step = _days(constraints.exposure_s + constraints.readout_s)
    for row, (proposal, _) in enumerate(shown):
        colour, begins = _COLOURS[proposal.track], _date(proposal.time)
        opens, closes = _date(proposal.opens), _date(proposal.closes)
        axes.barh(row, closes - opens, left=opens, height=0.8, color=colour, alpha=0.18, lw=0)
        axes.barh(row, setup, left=begins, height=0.8, color="#888888", lw=0)
        for number in range(3):
            left = begins + setup + number * step
            axes.barh(row, exposure, left=left, height=0.8, color=colour, lw=0)
    names = [proposal.shot.shotid if proposal.shot else "" for proposal, _ in shown]
    axes.set_yticks(range(len(shown)), names, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    axes.set_title(
        "pale: within reach on that side    grey: set-up    dark: exposures", loc="left", fontsize=8
    )


def _draw_azimuth(axes: Axes, plan: Sequence[Planned]) -> None:
    """Show where the structure stands."""
    axes.set_ylabel("azimuth / deg")
    for proposal, ends in plan:
        axes.plot(
            [_date(proposal.time), _date(ends)],
            [proposal.azimuth] * 2,
            color=_COLOURS[proposal.track],
            lw=3,
            solid_capstyle="butt",
        )
    axes.set_ylim(0, 360)
    axes.set_yticks([0, 90, 180, 270, 360], ["N 0", "E 90", "S 180", "W 270", "N 360"])
    axes.grid(axis="y", color="#dddddd", lw=0.5)


def _draw_time(every: Sequence[Axes], bounds: tuple[int, int], dark: Sequence[int]) -> None:
    """Show the hours, and shade those at which no shot may begin."""
    from matplotlib import dates  # noqa: PLC0415

    first, last = (dark[0], dark[-1] + _STEP) if dark else bounds
    begin, end = first - _MARGIN, last + _MARGIN
    edges = [begin, *(edge for time in dark for edge in (time, time + _STEP)), end]
    lit = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    for axes in every:
        for a, b in lit:
            axes.axvspan(_date(a), _date(b), color="#f0e6c8", lw=0, zorder=0)
        axes.set_xlim(_date(begin), _date(end))
    every[-1].xaxis.set_major_locator(dates.HourLocator())
    every[-1].xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    every[-1].set_xlabel("UTC    (shaded: sun or moon let no shot begin)")


def _date(time: int) -> float:
    """Return an instant as matplotlib has dates: days since 1970-01-01."""
    return time / sky.DAY


def _days(seconds: float) -> float:
    return seconds / 86_400
