"""The night index of a log: from the view's table where there is one, and from the log's tail."""

from infra.log.cluster import Cluster
from infra.log.errors import TopicMissing
from infra.settings import Settings
from infra.windows import NightIndex, read_index
from schemas.nights import NamedBy, Nights
from schemas.topics import RECORDED


def nights_of(settings: Settings) -> Nights:
    """Return how the site divides time into nights."""
    return Nights(settings.site.night_boundary_hour, NamedBy(settings.site.night_named_by))


def night_index(cluster: Cluster, settings: Settings) -> NightIndex:
    """Return where the nights lie on the log, up to its end; empty where nothing was recorded."""
    nights = nights_of(settings)
    try:
        return read_index(cluster, nights, RECORDED)
    except TopicMissing:
        return NightIndex(nights, {})
