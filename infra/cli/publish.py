"""`evctl publish`: records from the command line, files or a pipe to a topic."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from infra import clock, logs, signals
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from infra.log.cluster import connect
from infra.namespaces import mock_of, refuse_replay
from infra.publishing import arguments, inputs, packets
from infra.publishing.checking import checked
from infra.publishing.errors import counted
from infra.publishing.events import EventEncoder
from infra.publishing.packets import PacketEncoder
from infra.publishing.records import Encoded, Encoder, Item
from infra.publishing.sending import Sending
from infra.publishing.spool import Spool
from infra.settings import Settings
from infra.signals import Stop
from schemas import topics
from schemas.topics import SCHEMAS, Topic

EPILOG = examples(
    "evctl publish observatory --event TcsEvent system=pas source=Guider1 key=seeing \\",
    "    more_data=false values.fwhm=1.2 values.filter=r",
    "evctl publish observatory --file night.jsonl --rate 100",
    "evctl publish alerts --file packet.avro --key objectId",
    "evctl tail observatory --json | evctl --namespace test publish observatory",
)


def command(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic of `evctl topic list`.")],
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA",
            help="JSON objects, or one record as FIELD=VALUE words. Without DATA and --file, "
            "standard input is read.",
            show_default=False,
        ),
    ] = None,
    *,
    event: Annotated[
        str | None,
        typer.Option(
            "-e",
            "--event",
            metavar="NAME",
            help="The event of records that do not name theirs. Not needed where the topic has "
            "one event only.",
        ),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="JSON, JSON Lines or an Avro container, gzipped or not; - is standard input. "
            "May be given several times.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", help="Publish at most N records a second.", show_default=False),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="The field that becomes the key of a foreign record; dotted for an inner one. "
            "Our events have keys of their own.",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.avsc",
            help="The Avro schema of foreign records whose file does not hold it.",
            show_default=False,
        ),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Publish each record of standard input as it comes, instead of checking all "
            "before the first is published.",
        ),
    ] = False,
    log_file: LogFile = None,
) -> None:
    """Append records to a topic.

    All are checked before the first is published: with a bad one among them, none is. Ends with 0
    when the log has acknowledged all of them. A second run appends them again, as new records.
    """
    _check_options(data, file, rate, stream=stream)
    target = topics.topic(topic)
    site = settings(ctx)
    refuse_replay(site.log.namespace, "what is published now")
    mocked = mock_of(site.log.namespace) is not None
    encoder = _encoder(target, event, schema, key, mocked=mocked)
    logs.configure(site.logging, "publish", log_file)
    run = _Run(site, target, encoder, rate)
    if stream:
        run.feed()
    else:
        run.checked(_items(data, file))


def _check_options(
    data: list[str] | None, file: list[Path] | None, rate: float | None, *, stream: bool
) -> None:
    if data and file:
        raise typer.BadParameter("give DATA or --file, not both")
    if stream and (data or file):
        raise typer.BadParameter("--stream reads standard input: give neither DATA nor --file")
    if rate is not None and not 0 < rate < float("inf"):
        raise typer.BadParameter(f"--rate is {rate:g}, and must be above 0 records a second")


def _encoder(
    topic: Topic, event: str | None, schema: Path | None, key: str | None, *, mocked: bool
) -> Encoder:
    if topic is SCHEMAS:
        raise typer.BadParameter(f"{topic.name} is written by evctl itself")
    if topic.foreign:
        if event is not None:
            raise typer.BadParameter(f"records of {topic.name} are no events: leave --event away")
        given = None if schema is None else packets.load(schema)
        return PacketEncoder(topic, given, key, clock.utc_micros)
    if schema is not None or key is not None:
        raise typer.BadParameter(
            f"events of {topic.name} have their own schemas and keys: leave --schema and --key away"
        )
    return EventEncoder(topic, event, clock.utc_micros, mocked=mocked)


def _items(data: list[str] | None, file: list[Path] | None) -> Iterator[Item]:
    if data and data != ["-"]:
        return arguments.from_words(data)
    files = file or [inputs.STDIN]
    if inputs.STDIN in files and sys.stdin.isatty():
        typer.echo("evctl: reading records from the terminal; end with Ctrl+D", err=True)
    return inputs.from_files(files)


class _Run:
    """One run of the command, with its summary."""

    def __init__(self, site: Settings, topic: Topic, encoder: Encoder, rate: float | None) -> None:
        self._site, self._topic, self._encoder, self._rate = site, topic, encoder, rate
        self._name = topic.full_name(site.log.namespace)
        self._start = perf_counter()

    def checked(self, items: Iterable[Item]) -> None:
        """Publish all items, or none if one is refused."""
        with Spool() as spool:
            with _nothing_sent():
                spool.fill(checked(items, self._encoder, self._topic, self._name))
            with signals.stopping() as stop:
                self._send(spool, stop, spool.records)

    def feed(self) -> None:
        """Publish standard input as it comes."""
        with signals.stopping() as stop:
            items = inputs.from_feed(lambda: stop.requested)
            self._send(checked(items, self._encoder, self._topic, self._name), stop)

    def _send(self, records: Iterable[Encoded], stop: Stop, of_all: int | None = None) -> None:
        sending = Sending(connect(self._site), self._topic, self._encoder)
        sending.send(records, self._rate, stop)
        took = f"to {self._name} in {perf_counter() - self._start:.2f} s"
        if stop.requested:
            typer.echo(f"stopped: published {counted(sending.sent, of_all)} {took}", err=True)
            raise typer.Exit(stop.exit_code)
        typer.echo(f"published {counted(sending.sent)} {took}", err=True)


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Say, where a signal ends the block, that the log is as it was."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        typer.echo("evctl: stopped while reading: nothing was published", err=True)
        raise
