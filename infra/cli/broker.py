"""`evctl broker`: start, stop and look at the embedded log."""

from pathlib import Path
from typing import Annotated

import typer

from infra.broker import check as checking
from infra.broker import control
from infra.broker.cleaning.scrub import Progress
from infra.broker.errors import BrokerError
from infra.broker.storage.disk import free_space, low_space
from infra.broker.storage.topics import TopicEntry, read_entries
from infra.cli.context import settings
from infra.cli.options import LogFile, examples
from schemas.utc import iso

app = typer.Typer(no_args_is_help=True, help="Start, stop and look at the embedded log.")

_NOT_RUNNING = 3  # as systemctl status


class NotRunning(BrokerError):
    """There is no broker to ask."""

    exit_code = _NOT_RUNNING

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"No broker serves {data_dir}: start one with `evctl broker start`.")
        self.data_dir = data_dir


class Damaged(BrokerError):
    """Segments or journals are not as they were written."""

    exit_code = 5

    def __init__(self, data_dir: Path, findings: int) -> None:
        super().__init__(
            f"The log in {data_dir} is damaged at {findings} place(s), named above: "
            "restore these files from a copy."
        )
        self.findings = findings


@app.command(epilog=examples("evctl broker start", "evctl broker start --log-file broker.log"))
def start(ctx: typer.Context, log_file: LogFile = None) -> None:
    """Start the embedded log in the background.

    It runs until `evctl broker stop`. If it runs already, that is said, and is no error.
    """
    chosen = settings(ctx)
    data_dir = chosen.log.data_dir
    before = control.find(data_dir)
    endpoint = control.start(
        data_dir,
        port=chosen.broker.port,
        log_file=log_file.absolute() if log_file else None,
        free_space_floor=chosen.broker.free_space_floor,
    )
    done = "runs already" if before is not None and before.pid == endpoint.pid else "started"
    typer.echo(f"{done}: {endpoint.bootstrap_servers}, process {endpoint.pid}, log in {data_dir}")


@app.command()
def stop(
    ctx: typer.Context,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for its end.")
    ] = control.STOP_TIMEOUT_S,
) -> None:
    """Stop the embedded log.

    Everything is put on the disk first. Stopping twice is no error.
    """
    data_dir = settings(ctx).log.data_dir
    stopped = control.stop(data_dir, timeout)
    typer.echo("stopped" if stopped else f"no broker serves {data_dir}")


@app.command()
def status(ctx: typer.Context) -> None:
    """Show the log's process, port, free space and topics.

    Ends with 0 if the broker runs, else with 3.
    """
    chosen = settings(ctx)
    data_dir = chosen.log.data_dir
    endpoint = control.find(data_dir)
    typer.echo(f"data directory  {data_dir}")
    if endpoint is None:
        typer.echo("broker          not running")
    else:
        typer.echo(f"broker          {endpoint.bootstrap_servers}, process {endpoint.pid}")
    if data_dir.is_dir():
        _show_disk(data_dir, chosen.broker.free_space_floor)
        _show_scrub(Progress.read(data_dir))
        for topic in read_entries(data_dir)[0]:
            _show_topic(data_dir, topic)
    if endpoint is None:
        raise typer.Exit(_NOT_RUNNING)


def _show_disk(data_dir: Path, floor: int) -> None:
    free = free_space(data_dir)
    typer.echo(f"free space      {free / 1e9:.1f} GB")
    if free < floor:
        typer.echo(f"WARNING: {low_space(data_dir, free, floor)}")


def _show_scrub(progress: Progress) -> None:
    """Show when closed segments were last read for damage, and what was found."""
    if not progress.begun:
        return
    done = progress.ended >= progress.begun
    state = f"ended {iso(progress.ended)}" if done else f"under way since {iso(progress.begun)}"
    typer.echo(f"scrub           {state}, {progress.size / 1e9:.1f} GB read")
    for finding in progress.findings:
        typer.echo(f"DAMAGE: {finding}")


def _show_topic(data_dir: Path, topic: TopicEntry) -> None:
    logs = [path for d in topic.directories(data_dir) for path in d.glob("*.log")]
    size = sum(path.stat().st_size for path in logs)
    typer.echo(f"{topic.name:<40} {topic.partitions:>4} partition(s) {size / 1e6:>12.3f} MB")


@app.command(epilog=examples("evctl broker check", "evctl broker check --topic observatory"))
def check(
    ctx: typer.Context,
    topic: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="Only this topic.", show_default=False)
    ] = None,
) -> None:
    """Verify every record on the disk.

    Checksums, offsets and indexes of every segment are read, and without `--topic` what is kept of
    groups and transactions; nothing is changed. Ends with 0 if all is well, else with 5 after
    naming each file, byte and offset. A torn batch or line at the end, left by a crash, is told but
    no damage: nothing of it was acknowledged.
    """
    data_dir = settings(ctx).log.data_dir
    online = control.find(data_dir) is not None
    journals = [] if topic else list(checking.verify_journals(data_dir, online=online))
    damaged = _told(journals)
    partitions = 0
    for verified in checking.verify(data_dir, online=online, topic=topic):
        partitions += 1
        damaged += _told(verified.findings)
        typer.echo(
            f"{verified.directory.name}: {verified.segments} segment(s), "
            f"{verified.batches} batches, {verified.records} records, {verified.size} bytes"
        )
    if damaged:
        raise Damaged(data_dir, damaged)
    typer.echo(f"{partitions} partition(s) in {data_dir}: no damage")


def _told(findings: list[checking.Finding]) -> int:
    """Show what was found; returns how much of it is damage."""
    for finding in findings:
        typer.echo(str(finding), err=True)
    return sum(not finding.mends_itself for finding in findings)


@app.command(
    "client-config",
    epilog=examples(
        "evctl broker client-config > kcat.conf",
        "kcat -F kcat.conf -L                   the topics, seen by another client",
    ),
)
def client_config(ctx: typer.Context) -> None:
    """Print how other Kafka clients connect.

    These are properties of librdkafka. The token is among them: keep the output to yourself.
    """
    data_dir = settings(ctx).log.data_dir
    endpoint = control.find(data_dir)
    if endpoint is None:
        raise NotRunning(data_dir)
    for name, value in endpoint.client_config().items():
        typer.echo(f"{name}={value}")
