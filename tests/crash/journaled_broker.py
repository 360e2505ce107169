"""Runs the broker and writes down what the disk has promised: the end of each sync that returned.

`python -m tests.crash.journaled_broker JOURNAL …` takes the broker's own arguments behind it. The
system's calls are made; each file that was synced is kept under a second name, its inode's number.
"""

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from infra.broker.__main__ import main


def journaled(sync: Callable[[int], None], journal: Path) -> Callable[[int], None]:
    """Return `sync` with a line in the journal after each call that returned."""
    kept = journal.with_suffix(".kept")
    kept.mkdir(exist_ok=True)
    out = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def call(fd: int) -> None:
        found = os.fstat(fd)
        path = str(Path(f"/proc/self/fd/{fd}").readlink())
        line: dict[str, object] = {"path": path, "inode": found.st_ino}
        if stat.S_ISDIR(found.st_mode):
            with os.scandir(path) as entries:
                line["entries"] = {entry.name: entry.inode() for entry in entries}
        else:
            line["size"] = found.st_size
            second = kept / str(found.st_ino)
            if not second.exists():
                os.link(path, second)
        sync(fd)
        os.write(out, json.dumps(line).encode() + b"\n")

    return call


if __name__ == "__main__":
    where = Path(sys.argv.pop(1))
    os.fsync = journaled(os.fsync, where)  # type: ignore[assignment]
    os.fdatasync = journaled(os.fdatasync, where)  # type: ignore[assignment]
    sys.modules.setdefault("hypothesis", None)  # type: ignore[arg-type]  # as the broker itself
    sys.exit(main())
