"""`evctl verify`: are live, replayed and rebuilt tables the same?"""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.viewing import chosen_views
from infra.indexing import night_index, open_database
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.logs import configure
from infra.projecting.verifying import Asked, Verdict, verify
from infra.replay.outcome import complete

EPILOG = examples(
    "evctl verify 2026-11-20",
    "evctl verify all --replay first",
    "evctl verify all --json",
)
DISAGREE = 1
_STILL_S = 3.0
"""So long, and two delays of the projections, tables may stand still; then they are behind."""


def command(
    ctx: typer.Context,
    night: Annotated[
        str,
        typer.Argument(metavar="NIGHT", help="The night's date, such as 2026-11-20, or `all`."),
    ],
    replay: Annotated[
        str | None,
        typer.Option("--replay", metavar="ID", help="Compare with the tables of this replay, too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    log_file: LogFile = None,
) -> None:
    """Compare the tables with ones made anew from the log, by their digests.

    For one night, the views whose rows belong to nights; for `all`, every view. Ends with 1 if
    anything differs, and with 75 if tables are behind the log and do not move, or if the replay
    is incomplete or older than records that came since. Events may arrive meanwhile. Records that
    the tables do without, quarantined or dropped, are passed over here too, and counted.
    """
    site = settings(ctx)
    configure(site.logging, "verify", log_file)
    cluster, database = connect(site), open_database(site)
    registry = Registry(cluster)
    replayed = None if replay is None else complete(cluster, registry, replay)
    index = night_index(cluster, site)
    window, only = (index.all(), None) if night == "all" else (index.night(night), night)
    views = chosen_views(site, [])
    patience = _STILL_S + 2 * site.projections.max_delay
    asked = Asked(window, index.ends, only, patience, replayed)
    with progress("rebuilding to compare", None) as advance:
        found = verify(cluster, registry, database, views, asked, advance)
    typer.echo(_as_json(found) if as_json else table(found))
    if not all(verdict.agrees for verdict in found):
        raise typer.Exit(DISAGREE)


def _as_json(found: Sequence[Verdict]) -> str:
    views = [
        {
            "view": v.view,
            "rows": v.rows,
            "agrees": v.agrees,
            "passed_over": v.passed,
            "digests": dict(v.digests),
        }
        for v in found
    ]
    return json.dumps({"agrees": all(v.agrees for v in found), "views": views}, indent=2)


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
