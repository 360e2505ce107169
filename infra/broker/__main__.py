"""`python -m infra.broker --data-dir DIR`: run the embedded broker in the foreground."""

import argparse
import asyncio
import faulthandler
import logging
import os
import sys
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from infra.broker.cleaning.cleaner import INTERVAL_S
from infra.broker.cleaning.scrub import Pace
from infra.broker.errors import BrokerError
from infra.broker.ownership import Owner
from infra.broker.protocol.log_limit import LogLimit
from infra.broker.server import FREE_SPACE_FLOOR, Broker, Options

_LOG = logging.getLogger("infra.broker")
_LOG_BYTES = 10_000_000
_LOG_FILES = 3
_STDERR = 2


def main() -> int:
    """Run the broker; returns the exit code."""
    args = _arguments()
    if args.ready_fd is not None and os.fork():
        os._exit(0)  # detached: the starter waits for this process, the broker belongs to nobody
    os.umask(0o077)  # everything in the data directory is its owner's alone
    _log_to(args.log_file)
    options = Options(
        args.data_dir.absolute(),
        args.port,
        args.linger_s,
        args.free_space_floor,
        Pace(after_s=args.scrub_after_s),
        args.cleaning_interval_s,
    )
    try:
        asyncio.run(_run(options, _teller(args.ready_fd)))
    except BrokerError as error:
        _LOG.error("%s", error)
        _report(args.ready_fd, f"{error.exit_code} {error}")
        return error.exit_code
    except Exception:
        _LOG.exception("the broker of %s ended", args.data_dir)
        raise
    return 0


async def _run(options: Options, ready: Callable[[Owner], None]) -> None:
    await Broker(options).run(ready)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.broker", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the log is kept")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free)")
    parser.add_argument("--linger-s", type=float, help="end so long after the last connection (s)")
    parser.add_argument("--log-file", type=Path, help="write log lines here instead of stderr")
    parser.add_argument(
        "--free-space-floor",
        type=int,
        default=FREE_SPACE_FLOOR,
        help="refuse producers when fewer bytes are free (default: %(default)s)",
    )
    parser.add_argument(
        "--scrub-after-s",
        type=float,
        default=60.0,
        help="begin to look for damage in closed segments so long after the start (s)",
    )
    parser.add_argument(
        "--cleaning-interval-s",
        type=float,
        default=INTERVAL_S,
        help="look so often for records that need not be kept (default: %(default)s s)",
    )
    parser.add_argument(
        "--ready-fd", type=int, help="detach, and say here when clients can connect"
    )
    return parser.parse_args()


def _log_to(log_file: Path | None) -> None:
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(log_file, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)
        with log_file.open("ab") as end:
            os.dup2(end.fileno(), _STDERR)
        faulthandler.enable(_STDERR)  # what ends the process from within a library is told there
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(LogLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _teller(ready_fd: int | None) -> Callable[[Owner], None]:
    return lambda _: _report(ready_fd, "ready")


def _report(ready_fd: int | None, line: str) -> None:
    """Tell the process that started this one, through its pipe, and close that."""
    if ready_fd is not None:
        os.write(ready_fd, line.encode() + b"\n")
        os.close(ready_fd)


if __name__ == "__main__":
    # kio registers itself with hypothesis where that is installed, which takes a second and 15 MB
    sys.modules.setdefault("hypothesis", None)  # type: ignore[arg-type]  # None forbids its import
    sys.exit(main())
