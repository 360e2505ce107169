"""What a worker does in the world: once, whatever becomes of its instances."""

import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from consumers import Refused, Ticket
from consumers.notices import worker
from infra.boards import DirectoryBoard
from infra.clock import fresh_id, utc_micros
from infra.database import connect
from infra.database.seats import Seat, SeatStore
from infra.dying import VARIABLE, Point
from infra.log.membership import Membership
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.serving.roles import of_worker
from infra.serving.running import Server
from infra.signals import stopping
from schemas.events.notices import (
    NoticeDelivered,
    NoticeExpired,
    NoticeFailed,
    NoticeRequested,
    NoticeStarted,
)
from schemas.events.services import ServiceTookOver
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS
from tests.e2e.stage import Stage, ended
from tests.integration.serving.silent_telescope import Telescope, observatory, of_class, requests
from tests.waiting import until

EMBEDDED, KAFKA = "embedded-sqlite", "kafka-mariadb"
ENDS = (NoticeDelivered, NoticeExpired, NoticeFailed)


def notices(stage: Stage, **environ: str) -> subprocess.Popen[str]:
    """Start the worker."""
    return stage.start("run", "notices", "--instance", "one", **environ)


def ask(stage: Stage, count: int, valid_s: float = 600.0) -> None:
    """Ask for notices, valid for so long."""
    publisher = Publisher(
        stage.cluster, Registry(stage.cluster), OBSERVATORY, f"asker-{fresh_id()}"
    )
    for number in range(count):
        now = utc_micros()
        until_ = now + round(valid_s * MICROS)
        publisher.publish(NoticeRequested(now, f"notice {number}", "Look at the dome.", until_))
    publisher.flush()


def ends(stage: Stage) -> list[AnyRecord]:
    """Return what came of the requests."""
    return of_class(observatory(stage.cluster), *ENDS)


def up(stage: Stage) -> set[str]:
    """Return the requests whose notices are up."""
    return {path.stem for path in (stage.folder / "notices").glob("*.txt")}


def proven(stage: Stage, count: int) -> list[AnyRecord]:
    """See that each request has one end, and that the world is as the log says."""
    until(lambda: len(ends(stage)) >= count)
    found = ends(stage)
    asked = [str(record.id) for record in requests(observatory(stage.cluster))]
    assert sorted(record.event.request for record in found) == sorted(asked)
    delivered = {r.event.request for r in found if isinstance(r.event, NoticeDelivered)}
    assert up(stage) == delivered
    return found


def taken_over(stage: Stage, times: int) -> None:
    """Wait until so many instances have taken over."""
    until(lambda: len(of_class(observatory(stage.cluster), ServiceTookOver)) >= times)


def end(process: subprocess.Popen[str]) -> None:
    """End the worker as an operator does."""
    process.send_signal(signal.SIGTERM)
    # the second, where it has not come far enough to catch the signal
    assert ended(process).code in {128 + signal.SIGTERM, -signal.SIGTERM}


def test_each_request_is_carried_out_once(stage: Stage, telescope: Telescope) -> None:
    worker = notices(stage)
    taken_over(stage, 1)
    ask(stage, 10)
    proven(stage, 10)
    end(worker)
    ask(stage, 5)
    again = notices(stage)
    found = proven(stage, 15)
    assert all(isinstance(record.event, NoticeDelivered) for record in found)
    started = of_class(observatory(stage.cluster), NoticeStarted)
    assert len({record.event.request for record in started}) == len(started) == 15
    end(again)


@pytest.mark.parametrize(
    ("stage", "point"),
    [
        (EMBEDDED, f"{Point.WORK_STARTED}:3"),
        (KAFKA, f"{Point.WORK_STARTED}:3"),
        (EMBEDDED, f"{Point.WORK_DONE}:3"),
        (KAFKA, f"{Point.WORK_DONE}:3"),
        (EMBEDDED, Point.AFTER_PRODUCE),
        (EMBEDDED, Point.BEFORE_COMMIT),
        (EMBEDDED, Point.AFTER_COMMIT),
        (EMBEDDED, Point.ANNOUNCED),
    ],
    indirect=["stage"],
)
def test_a_crash_makes_nothing_happen_twice(stage: Stage, telescope: Telescope, point: str) -> None:
    first = notices(stage)
    taken_over(stage, 1)
    end(first)
    dying = notices(stage, **{VARIABLE: point})
    ask(stage, 10)
    assert dying.wait(60) == -signal.SIGKILL
    dying.communicate()
    last = notices(stage)
    found = proven(stage, 10)
    assert all(isinstance(record.event, NoticeDelivered) for record in found)
    end(last)


def test_a_request_that_comes_too_late_is_not_carried_out(
    stage: Stage, telescope: Telescope
) -> None:
    first = notices(stage)
    taken_over(stage, 1)
    end(first)
    ask(stage, 3, valid_s=-1.0)
    ask(stage, 2)
    last = notices(stage)
    found = proven(stage, 5)
    assert sum(isinstance(record.event, NoticeExpired) for record in found) == 3
    end(last)


def test_begun_before_a_crash_and_too_late_after_it(stage: Stage, telescope: Telescope) -> None:
    first = notices(stage)
    taken_over(stage, 1)
    end(first)
    dying = notices(stage, **{VARIABLE: Point.WORK_STARTED})
    taken_over(stage, 2)
    asked = begun_by(stage, dying)
    until(lambda: utc_micros() > asked[-1].event.valid_until)
    last = notices(stage)
    found = {record.event.request: record.event for record in proven(stage, len(asked))}
    assert isinstance(found[str(asked[-1].id)], NoticeExpired)
    end(last)


def begun_by(stage: Stage, dying: "subprocess.Popen[str]") -> list[AnyRecord]:
    """Ask until one that dies of it has begun to carry a request out; return all requests."""
    for valid_s in (2.0, 4.0, 8.0, 16.0, 32.0):  # it may come too late on a busy machine
        ask(stage, 1, valid_s)
        until(lambda: dying.poll() is not None or len(ends(stage)) == len(asked_for(stage)))
        if dying.poll() is not None:
            break
    assert dying.wait(60) == -signal.SIGKILL
    dying.communicate()
    return asked_for(stage)


def asked_for(stage: Stage) -> list[AnyRecord]:
    """Return the requests."""
    return requests(observatory(stage.cluster))


def test_what_was_answered_as_too_late_can_not_be_done_by_who_was_replaced(embedded: Stage) -> None:
    Telescope(embedded.cluster)
    first = notices(embedded)
    taken_over(embedded, 1)
    ask(embedded, 1, valid_s=-1.0)
    (found,) = proven(embedded, 1)
    assert isinstance(found.event, NoticeExpired)
    with pytest.raises(Refused):
        board(embedded).put(Ticket(UUID(found.event.request), 0), "subject", "text")
    end(first)


def test_what_a_replaced_instance_has_done_too_late_is_told_as_done(embedded: Stage) -> None:
    Telescope(embedded.cluster)
    first = notices(embedded)
    taken_over(embedded, 1)
    end(first)
    ask(embedded, 1, valid_s=-1.0)
    (request,) = requests(observatory(embedded.cluster))
    board(embedded).put(Ticket(request.id, 1), "subject", "text")
    last = notices(embedded)
    (found,) = proven(embedded, 1)
    assert isinstance(found.event, NoticeDelivered)
    end(last)


def test_an_instance_whom_the_world_knows_as_replaced_takes_over_anew(embedded: Stage) -> None:
    Telescope(embedded.cluster)
    first = notices(embedded)
    taken_over(embedded, 1)
    end(first)
    dying = notices(embedded, **{VARIABLE: Point.WORK_STARTED})
    ask(embedded, 1)
    assert dying.wait(60) == -signal.SIGKILL
    dying.communicate()
    board(embedded).find(Ticket(UUID(int=1), 5))  # one was there that has died since
    last = notices(embedded)
    (found,) = proven(embedded, 1)
    assert isinstance(found.event, NoticeDelivered)
    end(last)


def board(stage: Stage) -> DirectoryBoard:
    """Return the site's board."""
    return DirectoryBoard(stage.folder / "notices")


def test_requests_from_before_the_worker_are_left_alone(stage: Stage, telescope: Telescope) -> None:
    ask(stage, 3)
    first = notices(stage)
    taken_over(stage, 1)
    ask(stage, 2)
    until(lambda: len(ends(stage)) == 2)
    end(first)
    assert len(up(stage)) == 2


def test_a_world_that_can_not_be_written_is_a_failure_with_its_reason(embedded: Stage) -> None:
    Telescope(embedded.cluster)
    (embedded.folder / "notices").write_text("a file where the directory should be")
    worker = notices(embedded)
    taken_over(embedded, 1)
    ask(embedded, 1)
    until(lambda: len(ends(embedded)) == 1)
    (found,) = ends(embedded)
    assert isinstance(found.event, NoticeFailed)
    assert "FileExistsError" in found.event.reason
    assert "; it can't be seen what came of it: " in found.event.reason
    end(worker)


def test_a_world_that_can_not_be_asked_is_waited_for(embedded: Stage) -> None:
    Telescope(embedded.cluster)
    first = notices(embedded)
    taken_over(embedded, 1)
    end(first)
    dying = notices(embedded, **{VARIABLE: Point.WORK_STARTED})
    ask(embedded, 1)
    assert dying.wait(60) == -signal.SIGKILL
    dying.communicate()
    wall = embedded.folder / "notices"
    wall.write_text("a file where the directory should be")
    result = embedded.evctl("run", "notices")
    assert (result.code, ends(embedded)) == (75, [])
    assert "notices can't see what came of observatory[0]@" in result.sentence
    wall.unlink()
    last = notices(embedded)
    proven(embedded, 1)
    end(last)


def test_the_board_refuses_an_instance_that_was_replaced(tmp_path: Path) -> None:
    wall, request = DirectoryBoard(tmp_path / "board"), UUID(int=7)
    place = wall.put(Ticket(request, 3), "subject", "text")
    assert wall.put(Ticket(request, 4), "subject", "another text") == place
    assert Path(place).read_text() == "subject\n\ntext\n"
    with pytest.raises(Refused, match="epoch 3 was replaced by 4"):
        wall.put(Ticket(UUID(int=8), 3), "subject", "text")
    with pytest.raises(Refused):
        wall.find(Ticket(request, 3))


class MovingBoard:
    """A board that is so slow that the group takes partitions away while a notice is put up."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None

    def put(self, ticket: Ticket, subject: str, text: str) -> str:
        """Let it happen, and put nothing up."""
        self.meanwhile()
        return "nowhere"

    def find(self, ticket: Ticket) -> str | None:
        """Find nothing."""
        return None


def test_no_snapshot_is_kept_with_a_request_in_hand(embedded: Stage) -> None:
    board, cluster = MovingBoard(), embedded.cluster
    kept: list[Seat] = []
    seats = SeatStore(connect(embedded.settings.database.url), "")
    seats.create()

    def once() -> None:
        server = Server(cluster, Registry(cluster), seats, of_worker(worker(board)))

        def moved() -> None:
            server._keep()
            kept.extend(seats.seats())

        board.meanwhile = moved
        with stopping() as stop:
            server.once(stop)

    once()
    (before,) = seats.seats()
    ask(embedded, 1)
    once()
    (during,) = kept
    assert during == before._replace(epoch=2)  # whoever takes over finds the request begun
    (after,) = seats.seats()
    assert after.next_offset > before.next_offset
    seats.database.close()


def test_one_that_is_ended_with_a_request_in_hand_leaves_it_to_the_next(embedded: Stage) -> None:
    """The group takes its seat away while it ends: no snapshot may know the request."""
    board, cluster = MovingBoard(), embedded.cluster
    seats = SeatStore(connect(embedded.settings.database.url), "")
    seats.create()

    def server() -> Server:
        return Server(cluster, Registry(cluster), seats, of_worker(worker(board)))

    def interrupted() -> None:
        raise KeyboardInterrupt

    def asked() -> None:
        taken_over(embedded, 2)
        ask(embedded, 1)

    with stopping() as stop, ThreadPoolExecutor(1) as pool:
        server().once(stop)
        board.meanwhile = interrupted
        asking = pool.submit(asked)
        with pytest.raises(KeyboardInterrupt):
            server().run(stop, Membership(cluster, "evctl.notices"))
        asking.result()
        board.meanwhile = lambda: None
        server().once(stop)
    (found,) = ends(embedded)
    assert isinstance(found.event, NoticeDelivered)
    seats.database.close()


def test_one_that_is_replaced_while_it_runs_to_the_end_keeps_nothing(embedded: Stage) -> None:
    board, cluster = MovingBoard(), embedded.cluster
    seats = SeatStore(connect(embedded.settings.database.url), "")
    seats.create()
    server = Server(cluster, Registry(cluster), seats, of_worker(worker(board)))
    with stopping() as stop:
        server.once(stop)
        (before,) = seats.seats()
        place = before.topic, before.partition

        def replaced() -> None:
            seats.take("notices", place, before.topic_id, 0)

        board.meanwhile = replaced
        ask(embedded, 1)
        server.once(stop)
    (after,) = seats.seats()
    assert after == before._replace(epoch=3)
    seats.database.close()
