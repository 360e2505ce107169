"""The seats of services: one instance each, whose snapshot counts until the next takes over."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from infra.database import Database, DatabaseAway, connect
from infra.database.seats import Seat, SeatStore
from tests.contract.database.cutting import wire_to
from tests.database_servers import MariaDBServer

PLACE = ("het.observatory", 3)
SNAPSHOT = bytes(range(256)) * 300


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database, on each kind in turn."""
    with closing(connect(database_url)) as database:
        yield database


@pytest.fixture
def store(database: Database) -> SeatStore:
    store = SeatStore(database, "het.")
    store.create()
    store.create()  # several start at once
    return store


def kept(seat: Seat, next_offset: int) -> Seat:
    return seat._replace(
        next_offset=next_offset,
        last_id=b"i" * 16,
        last_offset=next_offset - 1,
        layout="l",
        kept=SNAPSHOT,
    )


def test_a_seat_is_made_for_what_comes_and_its_epoch_rises(store: SeatStore) -> None:
    first = store.take("silence", PLACE, "topic-a", 40)
    assert (first.epoch, first.next_offset, first.decides_from) == (1, 0, 40)
    again = store.take("silence", PLACE, "topic-a", 70)
    assert (again.epoch, again.decides_from) == (2, 40)
    again = store.take("silence", PLACE, "topic-b", 20)  # made anew, and nothing was read of it
    assert (again.epoch, again.decides_from, again.topic_id) == (3, 20, "topic-b")
    other = store.take("notices", PLACE, "topic-b", 90)
    assert (other.epoch, other.decides_from) == (1, 90)
    assert store.seats() == [other, again]


def test_a_snapshot_counts_for_the_newest_instance_only(store: SeatStore) -> None:
    old = store.take("silence", PLACE, "topic-a", 0)
    assert store.keep(kept(old, 10))
    new = store.take("silence", PLACE, "topic-a", 99)
    assert new == kept(old, 10)._replace(epoch=2)
    assert not store.keep(kept(old, 20))
    assert store.keep(kept(new, 15))
    (found,) = store.seats()
    assert found == kept(new, 15)


def test_a_seat_that_has_read_keeps_its_topic(store: SeatStore) -> None:
    assert store.keep(kept(store.take("silence", PLACE, "topic-a", 0), 10))
    assert store.take("silence", PLACE, "topic-b", 0).topic_id == "topic-a"


def test_the_epoch_rises_above_what_the_log_knows(store: SeatStore) -> None:
    seat = store.take("silence", PLACE, "topic-a", 0)
    above = store.raise_above(seat, 7)
    assert above.epoch > 7
    assert not store.keep(kept(seat, 1))
    assert store.raise_above(above, 7) == above
    newest = store.take("silence", PLACE, "topic-a", 0)  # and announced, when `above` wakes up
    assert store.raise_above(above, newest.epoch) == above
    assert store.keep(kept(newest, 1))


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_lost_at_commit_leaves_the_row_to_tell(
    mariadb_server: MariaDBServer, mariadb_url: str, cut: str
) -> None:
    with wire_to(mariadb_server.port) as wire:
        url = make_url(mariadb_url).set(port=wire.port).render_as_string()
        with closing(connect(url)) as database:
            store = SeatStore(database, "het.")
            store.create()
            seat = store.take("silence", PLACE, "topic-a", 0)
            wire.cut = cut
            with pytest.raises(DatabaseAway, match="does not answer"):
                store.keep(kept(seat, 10))
            wire.cut = ""
            (found,) = store.seats()
            assert found == (kept(seat, 10) if cut == "after" else seat)
            assert store.keep(kept(seat, 20))
            wire.cut = cut
            with pytest.raises(DatabaseAway):
                store.take("silence", PLACE, "topic-a", 0)
            wire.cut = ""
            (found,) = store.seats()
            assert found.epoch == (2 if cut == "after" else 1)
            assert store.take("silence", PLACE, "topic-a", 0).epoch == found.epoch + 1


@given(st.lists(st.sampled_from(["a", "b", "a keeps", "b keeps"]), max_size=12))
def test_of_two_instances_the_one_that_took_last_keeps(said: list[str]) -> None:
    with closing(connect("sqlite://")) as database:
        store = SeatStore(database, "")
        store.create()
        held: dict[str, Seat] = {}
        last, offset = "", 0
        for word in said:
            who = word[0]
            if word == who:
                held[who] = store.take("silence", PLACE, "t", 0)
                last = who
            elif who in held:
                offset += 1
                assert store.keep(kept(held[who], offset)) is (who == last)
