"""What the commands about views have in common: which views, and where their tables are."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from infra.indexing import nights_of, open_database
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.sealing.place import Site
from infra.settings import Settings
from projections import View, views
from schemas.errors import EvctlError

_STILL_S = 3.0
"""So long, and two delays of the projections, tables may stand still; then they are behind."""


class UnknownView(EvctlError):
    """No view has this name."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}."
        super().__init__(f"There is no view {name!r}; {hint}")
        self.name = name


def chosen_views(site: Settings, names: Sequence[str]) -> list[View]:
    """Return the views of these names, all of them if there is none; raise `UnknownView`."""
    known = views(nights_of(site))
    for name in names:
        if name not in known:
            raise UnknownView(name, sorted(known))
    return [known[name] for name in names or sorted(known)]


def is_replay(namespace: str) -> bool:
    """Whether a namespace is that of a replay."""
    return "replay" in namespace.split(".")[:-1]


def patience(site: Settings) -> float:
    """Return how long tables may stand still before they count as behind the log, in s."""
    return _STILL_S + 2 * site.projections.max_delay


def sealing_site(site: Settings, advance: Callable[[int], None], still: float) -> Site:
    """Return a site with all its views, for commands about seals."""
    cluster = connect(site)
    return Site(
        cluster,
        Registry(cluster),
        open_database(site),
        site,
        chosen_views(site, []),
        still,
        advance,
    )
