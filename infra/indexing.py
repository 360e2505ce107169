"""The night index of a log: from the view's table where there is one, and from the log's tail."""

import logging
from collections.abc import Mapping

from sqlalchemy import select

from infra.database import Database, DatabaseAway, PositionRow, ViewStore, connect
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import LogDiverged, LogTruncated, TopicMissing
from infra.log.reading import Place
from infra.log.topics import RealTopic
from infra.projecting import continuity
from infra.settings import Settings
from infra.windows import NightIndex, read_index
from projections import View, views
from schemas.nights import NamedBy, Nights, number_of
from schemas.topics import RECORDED, topic

_LOGGER = logging.getLogger("evctl.index")
_VIEW = "night_index"


def nights_of(settings: Settings) -> Nights:
    """Return how the site divides time into nights."""
    return Nights(settings.site.night_boundary_hour, NamedBy(settings.site.night_named_by))


def open_database(settings: Settings) -> Database:
    """Return the site's database."""
    password = settings.database.password
    return connect(settings.database.url, None if password is None else password.reveal())


def night_index(cluster: Cluster, settings: Settings) -> NightIndex:
    """Return where the nights lie on the log, up to its end; empty where nothing was recorded.

    Without the table, or while the database is away, the whole log is looked through.
    """
    nights = nights_of(settings)
    database = open_database(settings)
    try:
        index = _from_table(database, views(nights)[_VIEW], cluster)
    except DatabaseAway as away:
        _LOGGER.warning("%s The log is looked through instead.", away)
        index = {}, []
    finally:
        database.close()
    try:
        return read_index(cluster, nights, RECORDED, covered=index[0], indexed=index[1])
    except TopicMissing:
        return NightIndex(nights, {})


def _continues(cluster: Cluster, place: Place, row: PositionRow, real: RealTopic) -> bool:
    try:
        continuity.check(cluster, place, row, real, reading.whole(cluster, [place])[place])
    except (LogDiverged, LogTruncated):
        return False
    return True


def _from_table(
    database: Database, view: View, cluster: Cluster
) -> tuple[Mapping[Place, int], list[tuple[int, Place, int, int]]]:
    """Return up to which offset the table knows each partition, and what it knows.

    What it says of a log that is another one by now, or of other settings, is left aside.
    """
    store = ViewStore(database, view, cluster.namespace)
    if not store.exists():
        return {}, []
    there = set(topics.existing(cluster))
    real = topics.describe(cluster, [n for n in {p for p, _ in store.positions()} if n in there])
    covered = {
        place: row.next_offset
        for place, row in store.positions().items()
        if row.definition == view.definition
        and place[0] in real
        and _continues(cluster, place, row, real[place[0]])
    }
    (table,) = store.tables.data.values()
    columns = ("night", "topic", "kafka_partition", "first_offset", "last_offset")
    with database.reading() as connection:
        rows = connection.execute(select(*(table.c[name] for name in columns))).all()
    found = []
    for night, name, partition, first, last in rows:
        place = (topic(name).full_name(cluster.namespace), partition)
        if place in covered:
            found.append((number_of(night), place, first, last))
    return covered, found
