"""An instance that was replaced puts records in quarantine late, behind its successor's back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.log import topics
from infra.log.batches import Decoding, Fault
from infra.log.cluster import Cluster
from infra.log.reading import Message, whole
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.judging import Live
from infra.quarantine.fates import Fates
from infra.quarantine.writing import Quarantine
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, on_stage
from tests.integration.replay_log import read
from tests.integration.test_quarantine import FOREIGN, append, listed, send

VIEW, PLACE = "tcs_events", (OBSERVATORY.name, 0)
REASON = "a fault that the next version does not have"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A site whose tables have read one event."""
    with on_stage(tmp_path / "site") as stage:
        append(stage.cluster, "first", 0, 1)
        project(stage)
        yield stage


def project(stage: Stage) -> str:
    return stage.done("run", "projections", "--once")


class Instance:
    """A reader of one view and partition, step by step."""

    def __init__(self, stage: Stage) -> None:
        self.cluster: Cluster = stage.cluster
        self.registry = Registry(self.cluster)
        self.judge = Live(Quarantine(self.cluster, self.registry), self.cluster.namespace)
        self.feed = Feed(stage.store(VIEW))

    def take(self) -> None:
        """Take the partition, as the projections do."""
        self.judge.refresh()
        real = topics.describe(self.cluster, [PLACE[0]])[PLACE[0]]
        above, on_log = self.judge.epoch(VIEW, PLACE), whole(self.cluster, [PLACE])[PLACE]
        self.feed.take(self.cluster, PLACE, real, on_log, above)
        self.judge.taken(VIEW, PLACE, self.feed.held[PLACE].epoch)

    def apply(self) -> bool:
        """Take in what is on the log."""
        self.judge.announce(PLACE[:1])
        return self.feed.apply(Decoding(self.registry).batch(self.messages()), self.judge)

    def messages(self) -> list[Message]:
        return read(self.cluster, OBSERVATORY)

    def refuse_the_last(self) -> None:
        """Find fault with the newest record."""
        self.judge.refuse(VIEW, [Fault(self.messages()[-1], REASON)])


def is_known(stage: Stage) -> bool:
    """Whether anything is in quarantine, for one who reads the topic anew."""
    fates = Fates(stage.cluster, Registry(stage.cluster))
    fates.refresh()
    return bool(len(fates.entries))


def test_stopped_before_it_puts_a_record_there_that_its_successor_takes_in(stage: Stage) -> None:
    stopped = Instance(stage)
    stopped.take()
    append(stage.cluster, "second", 1, 2)
    assert project(stage) == "1 record applied to 6 views\n"
    stopped.refuse_the_last()  # it wakes up
    assert not stopped.apply()
    assert listed(stage) == []
    assert project(stage).endswith(" applied to 6 views\n")
    assert stage.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert stage.rows("SELECT count(*) FROM tcs_events") == [(2,)]
    stage.done("verify", "all")
    # what it has put there is not its own truth either, if it gets the partition again
    append(stage.cluster, "third", 2, 3)
    stopped.take()
    assert stopped.apply()
    assert stage.rows("SELECT count(*) FROM tcs_events") == [(3,)]


def test_stopped_before_its_offset_passes_a_record_that_its_successor_passes_over(
    stage: Stage,
) -> None:
    stopped, successor = Instance(stage), Instance(stage)
    stopped.take()
    append(stage.cluster, "second", 1, 2)
    successor.take()
    stopped.refuse_the_last()  # before the successor has said a word
    assert successor.apply()
    assert is_known(stage)
    assert stage.rows("SELECT count(*) FROM tcs_events") == [(1,)]
    project(stage)
    assert [entry["reader"] for entry in listed(stage)] == [VIEW]
    stage.done("verify", "all")


def test_tables_that_were_lost_do_not_bring_low_epochs_back(stage: Stage) -> None:
    for number in (1, 2):
        append(stage.cluster, f"more {number}", number, number + 1)
        project(stage)
    database = stage.settings.database.url.removeprefix("sqlite:///")
    for path in Path(database).parent.glob(f"{Path(database).name}*"):
        path.unlink()
    send(stage.cluster, FOREIGN)
    project(stage)
    assert len(listed(stage)) == len(stage.followers)
    stage.done("verify", "all")


def test_a_service_that_was_replaced_can_not_make_its_successor_forget_a_record(
    stage: Stage,
) -> None:
    for _ in range(2):
        stage.done("run", "silence", "--once")
    replaced = Instance(stage)
    replaced.judge.taken("silence", PLACE, 1)
    message = replaced.messages()[0]
    replaced.judge.refuse("silence", [Fault(message, REASON)])
    assert not is_known(stage)
    replaced.judge.taken("silence", PLACE, 2)
    replaced.judge.refresh()
    replaced.judge.refuse("silence", [Fault(message, REASON)])
    assert is_known(stage)
