"""The worker `shots` as a part of another command: one more member of its group, in a thread."""

import signal
from threading import Thread
from uuid import UUID

from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log.cluster import connect
from infra.log.membership import Membership
from infra.log.registry import Registry
from infra.serving.roles import Cast
from infra.serving.running import Server
from infra.settings import Settings
from infra.signals import Stop
from schemas.record import AnyRecord


class Member:
    """Runs a worker until it is told to end; it ends what it is at before that.

    The group gives the telescope to one member, so that it may only stand by.
    """

    def __init__(self, site: Settings, cast: Cast) -> None:
        self._cast, self._site = cast, site
        self._stop = Stop()
        self._server: Server | None = None
        self._last: UUID | None = None
        self._fault: Exception | None = None
        self._thread = Thread(target=self._run, name=cast.name, daemon=True)
        self._thread.start()

    def settled(self) -> bool:
        """Whether it has the seat, or another has; raise what has ended it."""
        if self._fault is not None:
            raise self._fault
        return self._server is not None and self._server.settled

    def end_after(self, request: UUID) -> None:
        """Have it end with a request: what waits behind that is for others."""
        self._last = request

    def end(self) -> None:
        """Tell it to end."""
        if not self._stop.requested:
            self._stop.on_signal(signal.SIGTERM)

    def ended(self, timeout: float) -> bool:
        """Wait at most so long (s) for its end."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _handled(self, record: AnyRecord) -> None:
        if record.id == self._last:
            self.end()

    def _run(self) -> None:
        try:
            cluster = connect(self._site)
            seats = SeatStore(open_database(self._site), cluster.namespace)
            seats.create()
            self._server = Server(cluster, Registry(cluster), seats, self._cast)
            self._server.after_each = self._handled
            group = f"{cluster.namespace}evctl.{self._cast.name}"
            self._server.run(self._stop, Membership(cluster, group))
        except Exception as fault:  # noqa: BLE001 it is raised where somebody asks
            self._fault = fault
