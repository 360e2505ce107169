"""`evctl verify`: are live, replayed and rebuilt tables the same?"""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from infra.cli.context import settings
from infra.cli.deciding import recorded_and_anew
from infra.cli.options import LogFile, examples
from infra.cli.progress import progress
from infra.cli.proven import as_json, table, told
from infra.cli.viewing import patience, sealing_site
from infra.log.cluster import Cluster
from infra.logs import configure
from infra.projecting.verifying import Asked, Verdict, verify
from infra.replay.awaiting import invitation
from infra.replay.outcome import complete
from infra.sealing.place import Site
from infra.sealing.verdict import Checked, check
from infra.serving.comparing import Comparison
from infra.windows import NightIndex, Window

EPILOG = examples(
    "evctl verify 2026-11-20",
    "evctl verify all --replay first",
    "evctl verify all --json",
)
DISAGREE = 1


def command(
    ctx: typer.Context,
    night: Annotated[
        str,
        typer.Argument(metavar="NIGHT", help="The night's date, such as 2026-11-20, or `all`."),
    ],
    replay: Annotated[
        str | None,
        typer.Option(
            "--replay",
            metavar="ID",
            help="Compare with the tables of this replay, too; of one with services, with what "
            "they decided.",
        ),
    ] = None,
    *,
    from_zero: Annotated[
        bool,
        typer.Option(
            "--from-zero",
            help="Make views of the whole log anew from its beginning, not from a seal's snapshot.",
        ),
    ] = False,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    log_file: LogFile = None,
) -> None:
    """Compare the tables with ones made anew from the log, by their digests.

    For one night, the views whose rows belong to nights; for `all`, every view. A night that was
    sealed is compared with its newest seal, too: what is missing on the log, or is not as it was,
    is named. Ends with 1 if anything differs, and with 75 if tables are behind the log and do not
    move, or if the replay is incomplete or older than records that came since. Events may arrive
    meanwhile. Records that the tables do without, quarantined or dropped, are passed over here
    too, and counted.
    """
    site = settings(ctx)
    configure(site.logging, "verify", log_file)
    with progress("rebuilding to compare", None) as advance:
        place = sealing_site(site, advance, patience(site))
        replayed = None if replay is None else complete(place.cluster, place.registry, replay)
        decided = None if replayed is None else _decided(place, night, replayed)
        # tables of a replay in which services decide have their take-overs, too
        tables = replayed if decided is None else None
        compare = _comparing(place, None if night == "all" else night, tables)
        checked, found = _found(place, night, compare, from_zero=from_zero)
    if json_wanted:
        typer.echo(as_json(found, checked, decided))
    else:
        typer.echo(_text(found, checked, decided))
    agree = decided is None or decided.agrees
    if not agree or not all(one.agrees for one in found) or (checked and not checked.agrees):
        raise typer.Exit(DISAGREE)


def _text(found: Sequence[Verdict], checked: Checked | None, decided: Comparison | None) -> str:
    lines = [table(found)] if found else []
    lines += told(checked) if checked else ()
    return "\n".join([*lines, *(decided.lines() if decided else ())])


def _decided(place: Site, night: str, replayed: Cluster) -> Comparison | None:
    """Return how the decisions in a replay agree with the recorded ones, if services decided."""
    invited = invitation(replayed, place.registry)
    if invited is None:
        return None
    index = place.index()
    window = index.all() if night == "all" else index.night(night)
    cluster, registry, settings = place.cluster, place.registry, place.settings
    return recorded_and_anew(cluster, replayed, registry, settings, window, invited.services)


_Compare = Callable[[NightIndex, Window], Sequence[Verdict]]


def _comparing(place: Site, only: str | None, replayed: Cluster | None) -> _Compare:
    """Return what compares the tables' rows of a window."""

    def compare(index: NightIndex, window: Window) -> Sequence[Verdict]:
        asked = Asked(window, index.ends, only, place.patience, replayed)
        return verify(
            place.cluster, place.registry, place.database, place.views, asked, place.advance
        )

    return compare


def _found(
    place: Site, night: str, compare: _Compare, *, from_zero: bool
) -> tuple[Checked | None, Sequence[Verdict]]:
    """Return what is said of the newest seal, if there is one, and the tables' digests."""
    seal = None if night == "all" else place.seals.newest(night)
    if seal is None:
        index = place.index()
        return None, compare(index, index.all() if night == "all" else index.night(night))
    checked = check(place, seal, compare, from_zero=from_zero)
    return checked, checked.verdicts
