"""Print a table of the site's database as CSV: python examples/read_table.py night_summary."""

import csv
import sys
from contextlib import closing

from sqlalchemy import MetaData, Table, select

from infra.database import connect
from infra.settings import load


def main(name: str) -> None:
    """Print the names of the columns, then the rows."""
    settings = load().settings
    password = settings.database.password
    url, secret = settings.database.url, None if password is None else password.reveal()
    out = csv.writer(sys.stdout)
    with closing(connect(url, secret)) as database, database.reading() as connection:
        table = Table(name, MetaData(), autoload_with=connection)
        out.writerow(table.columns.keys())
        out.writerows(connection.execute(select(table)))


if __name__ == "__main__":
    main(sys.argv[1])
