"""`evctl topic`: what each topic is, and what of it is on the log."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from infra.cli.columns import in_columns
from infra.cli.context import settings
from infra.cli.options import examples
from infra.log import reading
from infra.log import topics as real
from infra.log.cluster import Cluster, connect
from schemas import topics
from schemas.topics import SCHEMAS, TOPICS, MiB, Topic

app = typer.Typer(no_args_is_help=True, help="List and describe the topics.")
_DAY_MS = 86_400_000
_NAMED = 2
_HEADINGS = ("TOPIC", "EVENTS", "PARTITIONS", "KEPT", "LIMIT", "RECORDS", "ABOUT")


@app.command("list", epilog=examples("evctl topic list", "evctl --namespace het topic list"))
def list_(ctx: typer.Context) -> None:
    """List the topics and how many records each has on the log."""
    cluster = connect(settings(ctx))
    held = _records(cluster, TOPICS)
    rows = [
        (
            topic.name,
            _some_events(topic),
            str(topic.partitions),
            _kept(topic),
            _limit(topic),
            _said(held[topic.name]),
            topic.about,
        )
        for topic in TOPICS
    ]
    for row in in_columns([_HEADINGS, *rows]):
        typer.echo(row)


@app.command(epilog=examples("evctl topic show observatory"))
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic of `evctl topic list`.")],
) -> None:
    """Describe a topic.

    What it is for, its settings, and its partitions on the log.
    """
    topic = topics.topic(name)
    cluster = connect(settings(ctx))
    full_name = topic.full_name(cluster.namespace)
    described = {
        "topic": full_name,
        "about": topic.about,
        "key": topic.key,
        "events": _events(topic),
        "partitions": str(topic.partitions),
        "kept": _kept(topic),
        "record limit": _limit(topic),
        "synced": "each record, before it is acknowledged" if topic.synced else "no",
    }
    if full_name in real.existing(cluster):
        for (_, partition), (low, end) in _spans(cluster, topic).items():
            described[f"{full_name}[{partition}]"] = (
                f"offsets {low} to {end - 1}" if end > low else f"empty; next offset {end}"
            )
    else:
        described["on the log"] = "not yet: it is made when first published to"
    for row in in_columns([(f"{about}:", value) for about, value in described.items()]):
        typer.echo(row)


def _records(cluster: Cluster, wanted: Sequence[Topic]) -> Mapping[str, int | None]:
    """Return how many offsets each topic holds; `None` where it is not on the log."""
    there = set(real.existing(cluster))
    return {
        topic.name: sum(end - low for low, end in _spans(cluster, topic).values())
        if topic.full_name(cluster.namespace) in there
        else None
        for topic in wanted
    }


def _spans(cluster: Cluster, topic: Topic) -> Mapping[reading.Place, reading.Span]:
    name = topic.full_name(cluster.namespace)
    partitions = real.describe(cluster, [name])[name].partitions
    return reading.whole(cluster, [(name, number) for number in range(partitions)])


def _events(topic: Topic) -> str:
    if topic is SCHEMAS:
        return "schemas"
    return ", ".join(topic.events) or "foreign schemas"


def _some_events(topic: Topic) -> str:
    """Name the first events only: a line has to fit a screen."""
    more = len(topic.events) - _NAMED
    if more <= 1:
        return _events(topic)
    return f"{', '.join(topic.events[:_NAMED])} and {more} more"


def _limit(topic: Topic) -> str:
    return f"{topic.max_bytes / MiB:g} MiB"


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "newest of each key"
    if topic.retention_ms < 0:
        return "for ever"
    return f"{topic.retention_ms / _DAY_MS:g} days"


def _said(records: int | None) -> str:
    return "not on the log" if records is None else f"{records:,}"
