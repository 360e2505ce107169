"""Formats of what is on the disk, brought from an older evctl's to this one's.

There has been one format yet, 1, so that all there is to do is to mark what has no mark.
"""

from pathlib import Path

from infra.broker import ownership
from infra.database import formats
from infra.indexing import open_database
from infra.settings import Settings


def upgrade_log(data_dir: Path) -> str:
    """Return what was done to an embedded log's directory; raise `FormatTooNew`."""
    if not (data_dir / ownership.PROPERTIES).exists():
        return f"log {data_dir}: not there yet, nothing to do"
    ownership.cluster_id(data_dir)  # refuses a newer one
    return f"log {data_dir}: format {ownership.FORMAT}, nothing to do"


def upgrade_database(site: Settings) -> str:
    """Return what was done to the database; raise `FormatTooNew`."""
    database = open_database(site)
    try:
        with database.reading() as connection:
            found = formats.found(connection)
        if found is not None:
            return f"database {database.name}: format {found}, nothing to do"
        with database.writing() as connection:
            formats.mark(connection)
        return f"database {database.name}: had no mark, and is format {formats.FORMAT} now"
    finally:
        database.close()
