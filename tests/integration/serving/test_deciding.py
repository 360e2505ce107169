"""What a service decides, whatever becomes of its instances: once, in order, by the log alone."""

import random
import signal
import subprocess

import pytest

from infra.database import connect
from infra.database.seats import Seat, SeatStore
from infra.dying import VARIABLE, Point
from infra.log import topics
from schemas.events.services import ServiceTookOver, SettingsTookEffect
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, ended, suspend
from tests.integration.serving.silent_telescope import (
    Telescope,
    decided,
    observatory,
    of_class,
    to_decide,
)
from tests.waiting import until

EMBEDDED, KAFKA = "embedded-sqlite", "kafka-mariadb"


def silence(stage: Stage, instance: str = "", **environ: str) -> subprocess.Popen[str]:
    """Start an instance of the service."""
    static = ("--instance", instance) if instance else ()
    return stage.start("run", "silence", *static, **environ)


def seat(stage: Stage) -> Seat:
    """Return the service's seat, as the database has it."""
    database = connect(stage.settings.database.url)
    try:
        (found,) = SeatStore(database, stage.cluster.namespace).seats()
        return found
    finally:
        database.close()


def has_taken_over(stage: Stage, times: int) -> bool:
    """Whether so many instances have taken over, and put their settings in force."""
    records = observatory(stage.cluster)
    settled = of_class(records, SettingsTookEffect)
    return len(of_class(records, ServiceTookOver)) >= times and bool(settled)


def took_over(stage: Stage, times: int) -> None:
    """Wait until so many instances have taken over."""
    until(lambda: has_taken_over(stage, times))


def is_complete(stage: Stage) -> bool:
    """Whether all that has to be decided stands on the log."""
    records = observatory(stage.cluster)
    return len(decided(records)) >= len(to_decide(records, seat(stage).decides_from))


def proven(stage: Stage) -> int:
    """See that the log has exactly what had to be decided; return how much that was."""
    until(lambda: is_complete(stage))
    records = observatory(stage.cluster)
    wanted = to_decide(records, seat(stage).decides_from)
    assert decided(records) == wanted
    return len(wanted)


def end(process: subprocess.Popen[str]) -> None:
    """End an instance as an operator does."""
    process.send_signal(signal.SIGTERM)
    # the second, where it has not come far enough to catch the signal
    assert ended(process).code in {128 + signal.SIGTERM, -signal.SIGTERM}


def test_it_decides_and_goes_on_where_it_stopped(stage: Stage, telescope: Telescope) -> None:
    first = silence(stage)
    took_over(stage, 1)
    telescope.fall_silent(20)
    assert proven(stage) == 20 + 20 + 19
    end(first)
    # what it has said itself, and ticks without effect, may be left to the next instance
    assert seat(stage).next_offset > decided(observatory(stage.cluster))[-1].cause
    telescope.fall_silent(5)
    second = silence(stage)
    assert proven(stage) == 25 + 25 + 24
    end(second)
    assert seat(stage).epoch == 2


@pytest.mark.parametrize(
    ("stage", "point"),
    [
        (EMBEDDED, Point.BEFORE_PRODUCE),
        (EMBEDDED, Point.AFTER_PRODUCE),
        (KAFKA, Point.AFTER_PRODUCE),
        (EMBEDDED, Point.BEFORE_COMMIT),
        (EMBEDDED, Point.AFTER_COMMIT),
        (EMBEDDED, Point.EPOCH_RAISED),
        (EMBEDDED, Point.ANNOUNCED),
        (KAFKA, Point.ANNOUNCED),
        (EMBEDDED, Point.ADOPTED),
        (EMBEDDED, Point.GIVEN),
    ],
    indirect=["stage"],
)
def test_a_crash_loses_and_doubles_nothing(
    stage: Stage, telescope: Telescope, point: Point
) -> None:
    begun = silence(stage)
    took_over(stage, 1)
    telescope.fall_silent(3)
    proven(stage)
    end(begun)
    telescope.fall_silent(10)
    dying = silence(stage, "one", **{VARIABLE: point})
    telescope.fall_silent(10)
    assert dying.wait(60) == -signal.SIGKILL
    dying.communicate()
    telescope.fall_silent(2)
    last = silence(stage, "one")
    assert proven(stage) == 25 + 25 + 24
    end(last)


def test_killed_at_any_moment_again_and_again(stage: Stage, telescope: Telescope) -> None:
    chance = random.Random(11)
    begun = silence(stage)
    took_over(stage, 1)
    end(begun)
    for _ in range(6):
        one = silence(stage, "one")
        telescope.fall_silent(chance.randrange(30))
        until(lambda: seat(stage).next_offset > 0 or chance.random() < 0.1)
        one.send_signal(signal.SIGSTOP)  # so that it can't end by itself
        one.kill()
        one.communicate()
        telescope.fall_silent(2)
    last = silence(stage, "one")
    assert proven(stage) > 0
    end(last)


def test_a_stopped_instance_that_wakes_up_can_not_speak(stage: Stage, telescope: Telescope) -> None:
    stopped = silence(stage)
    took_over(stage, 1)
    telescope.fall_silent(5)
    proven(stage)
    telescope.fall_silent(20)
    suspend(stopped, stage)
    standby = silence(stage)
    took_over(stage, 2)
    telescope.fall_silent(5)
    proven(stage)
    stopped.send_signal(signal.SIGCONT)
    telescope.fall_silent(5)
    proven(stage)
    end(standby)
    took_over(stage, 3)  # it takes part again, by a take-over of its own
    telescope.fall_silent(5)
    proven(stage)
    end(stopped)


def test_of_two_with_one_static_id_one_is_told(embedded: Stage) -> None:
    first = silence(embedded, "one")
    took_over(embedded, 1)
    second = silence(embedded, "one")
    result = ended(first)
    assert result.code == 75, result.err
    assert "started under the same --instance id" in result.sentence
    end(second)


@pytest.mark.parametrize("times", range(3))
def test_one_that_wakes_up_leaves_its_seat_to_the_one_with_its_id(
    stage: Stage, telescope: Telescope, times: int
) -> None:
    stopped = silence(stage, "one")
    took_over(stage, 1)
    telescope.fall_silent(20)  # so that it has a snapshot to keep when it wakes up
    suspend(stopped, stage)
    namesake = silence(stage, "one")
    took_over(stage, 2)
    stopped.send_signal(signal.SIGCONT)
    assert ended(stopped).code == 75
    telescope.fall_silent(5)
    proven(stage)
    end(namesake)
    assert len(of_class(observatory(stage.cluster), ServiceTookOver)) == 2


def test_settings_changed_after_a_crash_count_from_their_record_on(
    stage: Stage, telescope: Telescope
) -> None:
    begun = silence(stage)
    took_over(stage, 1)
    end(begun)
    dying = silence(stage, "one", **{VARIABLE: Point.AFTER_PRODUCE})
    telescope.fall_silent(10)
    assert dying.wait(60) == -signal.SIGKILL
    dying.communicate()
    other = silence(stage.also("other", silence={"after": 3.0}), "one")
    until(lambda: len(of_class(observatory(stage.cluster), SettingsTookEffect)) == 2)
    telescope.fall_silent(5)
    proven(stage)
    end(other)
    said = [
        record.event.values["after"]
        for record in of_class(observatory(stage.cluster), SettingsTookEffect)
    ]
    assert said == ["5.0", "3.0"]


@pytest.mark.parametrize("crash", [False, True])
def test_without_a_row_the_past_is_adopted_and_not_decided_about(
    stage: Stage, telescope: Telescope, crash: bool
) -> None:
    for times in (1, 2, 3):
        first = silence(stage)
        took_over(stage, times)
        if times == 3:
            telescope.fall_silent(5)
            before = proven(stage)
        end(first)
    telescope.fall_silent(3)  # nobody will ever decide about these
    forget(stage)
    if crash:  # with an epoch in the new row that the log has had long ago
        dying = silence(stage, **{VARIABLE: Point.EPOCH_RAISED})
        assert dying.wait(60) == -signal.SIGKILL
        dying.communicate()
    second = silence(stage)
    took_over(stage, 4)
    telescope.fall_silent(2)
    until(lambda: len(decided(observatory(stage.cluster))) >= before + 5)
    end(second)
    records = observatory(stage.cluster)
    new = [one for one in decided(records) if one.cause >= seat(stage).decides_from]
    old = [one for one in decided(records) if one.cause < seat(stage).decides_from]
    assert len(old) == before
    # the state knows that it was silent: it spoke again before it fell silent anew
    assert [type(one.event).__name__ for one in new] == [
        "SystemSpokeAgain",
        "SystemFellSilent",
        "NoticeRequested",
    ] * 2
    epochs = [record.event.epoch for record in of_class(records, ServiceTookOver)]
    assert epochs == sorted(set(epochs))


def forget(stage: Stage) -> None:
    """Lose the service's row."""
    database = connect(stage.settings.database.url)
    table = SeatStore(database, stage.cluster.namespace).table
    with database.writing() as connection:
        connection.execute(table.delete())
    database.close()


def test_another_version_adopts_what_was_recorded(stage: Stage, telescope: Telescope) -> None:
    first = silence(stage)
    took_over(stage, 1)
    telescope.fall_silent(5)
    proven(stage)
    end(first)
    database = connect(stage.settings.database.url)
    store = SeatStore(database, stage.cluster.namespace)
    assert store.keep(seat(stage)._replace(layout="of an older one"))
    database.close()
    telescope.fall_silent(3)
    second = silence(stage)
    assert proven(stage) == 8 + 8 + 7
    end(second)


def test_a_topic_made_anew_is_refused(embedded: Stage) -> None:
    telescope = Telescope(embedded.cluster)
    first = silence(embedded)
    took_over(embedded, 1)
    telescope.fall_silent(3)
    proven(embedded)
    end(first)
    topics.delete(embedded.cluster, ["observatory"])
    Telescope(embedded.cluster).fall_silent(9)
    refused = embedded.evctl("run", "silence")
    assert refused.code == 65
    assert "it was made anew, cut or replaced" in refused.sentence


def test_a_topic_made_anew_under_a_running_service_ends_it(embedded: Stage) -> None:
    Telescope(embedded.cluster).fall_silent(3)
    running = silence(embedded)
    took_over(embedded, 1)
    until(lambda: seat(embedded).next_offset > 0)
    suspend(running, embedded)  # so that it does not look while there is no topic
    topics.delete(embedded.cluster, ["observatory"])
    Telescope(embedded.cluster).fall_silent(9)
    running.send_signal(signal.SIGCONT)
    result = ended(running)
    assert result.code == 65
    assert "it was made anew, cut or replaced" in result.sentence


def test_a_log_cut_below_the_snapshot_is_refused(embedded: Stage) -> None:
    telescope = Telescope(embedded.cluster)
    first = silence(embedded)
    took_over(embedded, 1)
    telescope.fall_silent(3)
    proven(embedded)
    end(first)
    telescope.fall_silent(9)
    place = (OBSERVATORY.name, 0)
    low = seat(embedded).next_offset + 4
    from confluent_kafka import TopicPartition

    cut = embedded.cluster.admin().delete_records([TopicPartition(*place, low)])
    assert [future.result().low_watermark for future in cut.values()] == [low]
    refused = embedded.evctl("run", "silence")
    assert refused.code == 65
    assert f"observatory[0]@{seat(embedded).next_offset} is needed" in refused.sentence
