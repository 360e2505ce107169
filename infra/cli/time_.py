"""`evctl time`: what time it is for those who decide, or another instant, in each notation."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

from infra.cli.context import settings
from infra.cli.options import examples
from infra.indexing import nights_of
from infra.mocking import unheeded
from infra.namespaces import in_words, replay_of
from infra.present import Present, present
from infra.settings import Settings
from schemas import utc
from schemas.nights import Nights, observing_date

EPILOG = examples(
    "evctl time",
    "evctl time --json",
    "evctl time 2017-11-18T18:00:00",
    "evctl time 2458076.25                  a JD",
    "evctl time decimalyear 2017.88         or mjd 58075.75, unix 1511028000 …",
    "evctl --namespace replay.first time    how far a replay has come",
)
_LABELS = {
    "clock": "clock",
    "utc": "UTC",
    "jd": "JD",
    "mjd": "MJD",
    "night": "night",
    "observing_date": "observing date",
}


def command(
    ctx: typer.Context,
    instant: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INSTANT",
            help="Show this one: ISO 8601, a JD, or any other form that astropy's Time parses.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what time it is for those who decide, or convert an instant.

    Live that is the true time, in a replay the event time of what it carried last, in a simulated
    night (sim.ID) its last tick, and in a namespace of mocked time (mock.ID) what the clock there
    says. Times and dates are UTC, but for
    the night, which the site's settings bound; the observing date is the UTC date.
    """
    site = settings(ctx)
    if instant:
        facts = _facts(utc.parse(" ".join(instant)), nights_of(site))
    else:
        if said := unheeded(site):
            typer.echo(f"evctl: {said}", err=True)
        now = present(site)
        facts = {**_clock(site, now, as_json=as_json), **_facts(now.time, nights_of(site))}
    typer.echo(orjson.dumps(facts) if as_json else _lines(facts))


def _clock(site: Settings, now: Present, *, as_json: bool) -> dict[str, Any]:
    namespace = site.log.namespace
    if as_json:
        return {
            "clock": now.clock,
            "namespace": namespace,
            "replay": replay_of(namespace),
            "running": now.running,
        }
    where = "" if now.clock == "live" else f", in {in_words(namespace)}"
    return {"clock": f"{now.clock}{where}{'; it does not run' if now.running is False else ''}"}


def _facts(time: int, nights: Nights) -> dict[str, Any]:
    return {
        "utc": utc.iso(time),
        "jd": utc.julian_date(time),
        "mjd": utc.modified_julian_date(time),
        "night": nights.name(time),
        "observing_date": observing_date(time),
    }


def _lines(facts: Mapping[str, Any]) -> str:
    return "\n".join(f"{_LABELS[name]:<14}  {_said(value)}" for name, value in facts.items())


def _said(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)
