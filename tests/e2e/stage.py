"""A site of its own in a directory, and evctl run in it as people run it: as processes."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml
from sqlalchemy import make_url

from infra.broker import control
from infra.broker.control import Endpoint
from infra.database import ViewStore, connect
from infra.indexing import nights_of
from infra.log.cluster import Cluster
from infra.log.cluster import connect as connect_log
from infra.settings import Settings, load
from projections import views
from projections.fold import Partition
from tests.e2e import forked
from tests.waiting import WAIT_S, until

_numbers = count()
HET: Mapping[str, Any] = {"night_boundary_hour": 18, "night_named_by": "end"}
RUBIN: Mapping[str, Any] = {"night_boundary_hour": 12, "night_named_by": "start"}


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line on standard error: where a command says why it failed."""
        return self.err.splitlines()[-1] if self.err else ""


class Stage:
    """A site, and evctl on it. `also` makes a second site with the same log."""

    def __init__(self, folder: Path, name: str = "site", **sections: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self._sections = folder, sections
        self._started: list[forked.Running] = []
        sections = {"log": {}, **sections}
        sections["log"] = {"data_dir": str(folder / "log"), **sections["log"]}
        sections.setdefault("database", {"url": f"sqlite:///{folder / name}.sqlite"})
        self.site_file = folder / f"{name}.yaml"
        self.site_file.write_text(yaml.safe_dump(sections), encoding="utf-8")

    def also(self, name: str, **sections: Any) -> "Stage":
        """Return another site on the same log, which differs in these sections."""
        other = Stage(self.folder, name, **{**self._sections, **sections})
        other._started = self._started
        return other

    @cached_property
    def settings(self) -> Settings:
        """The site's settings."""
        return load(self.site_file, None, {}, {}, self.folder).settings

    @property
    def cluster(self) -> Cluster:
        """The log, as a client of its present broker."""
        return connect_log(self.settings)

    def start(self, *words: object, **environ: str) -> subprocess.Popen[str]:
        """Start a command; what it says goes to pipes."""
        said = ["--site-file", str(self.site_file), *map(str, words)]
        if not environ:
            self._started.append(forked.Running(said, self.folder, self.environment()))
            return self._started[-1]
        return subprocess.Popen(
            [sys.executable, "-m", "infra.cli", *said],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment(**environ),
        )

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of its processes: what they make temporarily is in its folder."""
        return {**os.environ, "TMPDIR": str(self.folder), "PYTHONFAULTHANDLER": "1", **more}

    def evctl(self, *words: object, timeout: float = WAIT_S) -> Ended:
        """Run a command to its end."""
        command = ["--site-file", str(self.site_file), *map(str, words)]
        said = self.folder / f"said-{next(_numbers)}"
        found = Ended(*forked.run(command, self.folder, self.environment(), said, timeout))
        assert "Traceback" not in found.err, found.err
        return found

    def done(self, *words: object, timeout: float = WAIT_S) -> str:
        """Run a command that has to end well, and return what it printed."""
        result = self.evctl(*words, timeout=timeout)
        assert result.code == 0, f"evctl {' '.join(map(str, words))}: {result}"
        return result.out

    @property
    def broker(self) -> Endpoint | None:
        """The broker that serves the log, if one does."""
        return control.find(self.settings.log.data_dir)

    def kill_broker(self) -> int:
        """End the broker as a power cut does, and return the port it had."""
        endpoint = self.broker
        assert endpoint is not None
        os.kill(endpoint.pid, signal.SIGKILL)
        until(lambda: self.broker is None)
        return endpoint.port

    def store(self, view: str, namespace: str = "", build: str = "") -> ViewStore:
        """Return a view's tables, or those that are built beside them."""
        url = self.settings.database.url
        return ViewStore(connect(url), views(nights_of(self.settings))[view], namespace, build)

    @property
    def views(self) -> list[str]:
        """The names of all views."""
        return sorted(views(nights_of(self.settings)))

    @property
    def followers(self) -> list[str]:
        """The names of the views that read `observatory`."""
        known = views(nights_of(self.settings)).values()
        return sorted(view.name for view in known if "observatory" in view.topics)

    def digests(self, namespace: str = "", night: str | None = None) -> dict[str, str]:
        """Return the digest of every view's rows."""
        found = {}
        for view in self.views:
            store = self.store(view, namespace)
            found[view] = store.digest(night)
            store.database.close()
        return found

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what an SQL query of the site's database gives."""
        database = connect(self.settings.database.url)
        with database.reading() as connection:
            found = [tuple(row) for row in connection.exec_driver_sql(query)]
        database.close()
        return found

    def applied(self, view: str = "tcs_events", namespace: str = "", build: str = "") -> int:
        """Return the next offset of `observatory` that a view has to read; 0 without tables."""
        store = self.store(view, namespace, build)
        try:
            place: Partition = (f"{namespace}observatory", 0)
            row = store.positions().get(place) if store.exists() else None
            return 0 if row is None else row.next_offset
        finally:
            store.database.close()

    def processes(self) -> list[psutil.Process]:
        """Return the live processes that were started with a path of this site."""
        found = []
        for process in psutil.process_iter():
            try:
                if any(str(self.folder) in word for word in process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def _left(self) -> Sequence[psutil.Process | forked.Running]:
        return [*self.processes(), *(one for one in self._started if one.poll() is None)]

    def close(self) -> None:
        """Stop the broker, and see that nothing else is left.

        What has ended counts as gone before the system's first process has taken note of it, for
        that may take its time.
        """
        control.stop(self.settings.log.data_dir)
        deadline = time.monotonic() + WAIT_S
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.01)
        said = [str(process) for process in left]
        for process in left:
            process.kill()
        assert said == []


def ended(process: subprocess.Popen[str], timeout: float = WAIT_S) -> Ended:
    """Wait for a command's end; one that hangs shows where, is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        raise AssertionError(f"{process.args!r} hangs:\n{process.communicate()[1]}") from None
    assert "Traceback" not in err, err
    return Ended(process.returncode, out, err)


def suspend(process: subprocess.Popen[str], stage: Stage) -> None:
    """Stop a process at any moment, but on SQLite not while it holds the file's only lock.

    Nobody could write then until it goes on. MariaDB takes the locks of a silent writer away.
    """
    process.send_signal(signal.SIGSTOP)
    path = make_url(stage.settings.database.url).database
    while path and Path(path).is_file() and not _free(path):
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGSTOP)


def _free(path: str) -> bool:
    """Whether a SQLite file may be written now."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


@contextmanager
def on_stage(folder: Path, **sections: Any) -> Iterator[Stage]:
    """Give a site with a running log, and leave no process behind."""
    stage = Stage(folder, **sections)
    try:
        settings = stage.settings
        control.start(settings.log.data_dir, free_space_floor=settings.broker.free_space_floor)
        yield stage
    finally:
        stage.close()
