"""What the commands about shots share: which list, which constraints, which options."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from consumers.orchestrator.scheduling import Constraints
from infra.log.cluster import connect
from infra.orchestrating.visits import visits_done
from infra.scheduling import lists
from infra.serving.roles import given
from infra.settings import Settings
from producers import shot_file
from schemas.events.shot_lists import Shot, digest_of

FromFile = Annotated[
    Path | None,
    typer.Option(
        "-f",
        "--file",
        metavar="FILE",
        help="Take the shots of this file, in OCD's columns, as if none had been observed; else "
        "what is on the log.",
        show_default=False,
    ),
]
Standing = Annotated[
    float | None,
    typer.Option(
        "--azimuth",
        metavar="DEG",
        min=0,
        max=360,
        help="Where the structure stands; not known, if it is not given.",
        show_default=False,
    ),
]
LeftOut = Annotated[
    list[str] | None,
    typer.Option(
        "--done",
        metavar="SHOT",
        help="A shot that has been observed already, beside what the log has; once for each visit.",
        show_default=False,
    ),
]


class Choice(NamedTuple):
    """A list of shots, what it is called, and the visits done; none: it is not one on the log."""

    name: str
    digest: str
    shots: Sequence[Shot]
    visits: Mapping[str, int] | None = None


def choice(site: Settings, file: Path | None) -> Choice:
    """Return the shots of a file or, without one, those on the log; raise `NoShotList`."""
    if file is not None:
        shots = shot_file.read(file)
        return Choice(str(file), digest_of(shots), shots)
    cluster = connect(site)
    found = lists.newest(cluster)
    return Choice(found.name, found.digest, found.shots, visits_done(cluster))


def constraints_of(site: Settings) -> Constraints:
    """Return the constraints of the settings, as the orchestrator gets them."""
    return Constraints.of(given(site, "orchestrator"))


def visits(done: Sequence[str] | None, chosen: Choice) -> Mapping[str, int]:
    """Return how often each shot was observed, by the log and by hand.

    Raises `BadParameter` for one that is not listed.
    """
    listed = {shot.shotid for shot in chosen.shots}
    for shotid in done or ():
        if shotid not in listed:
            raise typer.BadParameter(f"--done {shotid}: {chosen.name} has no such shot")
    return Counter({**(chosen.visits or {})}) + Counter(done or ())
