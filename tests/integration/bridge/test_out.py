"""Listeners of ZeroMQ hear what is on the log, under the names and with the members they know."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from infra import clock
from infra.bridge.errors import AddressInUse, BeyondEnd
from infra.bridge.serving import Server
from infra.bridge.sockets import Speaking
from infra.bridge.wish import Wish
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.replay.player import Player
from infra.replay.request import Request
from infra.signals import Stop, stopping
from infra.tailing.selection import Edge
from infra.windows import offsets
from producers import tcs_wire
from producers.tcs_names import Names
from schemas.events.orchestrator import StatesReported
from schemas.events.silence import SystemFellSilent
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.topics import OBSERVATORY
from tests.integration.bridge.bridged import Site, recording, serving
from tests.waiting import until
from tests.zeromq_peers import Ear, Sender, message

SIX = {"__system", "__source", "__key", "__data_time", "__wire_time", "__data"}


def publish(site: Site, *events: Any) -> None:
    """Append events; those of a second call are of another source."""
    cluster = site.cluster
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, f"test.{os.urandom(4).hex()}")
    for event in events:
        publisher.publish(event)
    publisher.flush()


def event(number: int, name: str = "pas.Guider1.metrology_data", **more: Any) -> TcsEvent:
    return tcs_wire.parse(message(number, name, **more))


def heard(*messages: list[bytes]) -> list[tuple[str, dict[str, Any]]]:
    return [(name.decode(), json.loads(text)) for name, text in messages]


def of_replay(site: Site, replay: str) -> Site:
    """Return the site as a replay of it is seen."""
    namespace = f"{site.settings.log.namespace}replay.{replay}."
    log = site.settings.log.model_copy(update={"namespace": namespace})
    return site._replace(settings=site.settings.model_copy(update={"log": log}))


def test_what_came_in_goes_out_as_it_came(site: Site, ipc: str, tcp: str) -> None:
    sent = [message(n, values=[1, 2.5, None], on=n % 2 == 0, text="é\0") for n in range(300)]
    with Sender(ipc) as sender, recording(site, ipc) as bridge:
        sender.heard().send(*sent)
        until(lambda: len(site.messages()) == 300)
        bridge.ended()
    with Ear(tcp) as one, Ear(f"{ipc}.out") as other:
        wish = Wish(Edge.START, once=True)
        with serving(site, [tcp, f"{ipc}.out"], wish, one, other) as server:
            assert one.hear(300) == heard(*sent)
            assert other.hear(300) == heard(*sent)
        assert server.said() == "300 events served"


def test_from_now_on_with_ocd_s_names_and_answers(site: Site, tcp: str) -> None:
    enquiry = event(2, "ocd.heartbeat.enquiry", id="f00d")
    publish(site, event(0), event(1, "ocd.heartbeat.enquiry", id="old"))
    with Ear(tcp) as ear, serving(site, [tcp], Wish(), ear) as server:
        publish(site, event(10))
        assert ear.hear(1) == heard(message(10))
        publish(site, TimePassed(7), SystemFellSilent(8_500_000, "pas", 7, 30.0), enquiry)
        changed, asked, answered = ear.hear(3)
        assert ear.silent()
    assert changed[0] == "ocd.states.change"
    assert changed[1]["machine_name"] == "silence.pas"
    assert changed[1]["__data_time"] == "8.500000"
    assert (asked[0], asked[1]["id"]) == ("ocd.heartbeat.enquiry", "f00d")
    assert (answered[0], answered[1]["id"]) == ("ocd.heartbeat.reply", "f00d")
    for name, members in (changed, asked, answered):
        assert set(members) >= SIX
        assert name == ".".join(members[part] for part in ("__system", "__source", "__key"))
        assert members["__data"] is False
    assert server.said() == "4 events served; 1 record without a name there"


def test_a_state_of_each_machine_and_events_as_of_now(site: Site, tcp: str) -> None:
    states = {"run_shot": "idle", "meta": "satisfied"}
    publish(site, event(1, __data_time="1.5", __wire_time="2.0"), StatesReported(7, states))
    with Ear(tcp) as ear:
        began = clock.utc_micros()
        with serving(site, [tcp], Wish(Edge.START, once=True, of_now=True), ear) as server:
            old, *machines = ear.hear(3)
    assert began <= round(float(old[1]["__wire_time"]) * 1e6) <= clock.utc_micros()
    assert float(old[1]["__wire_time"]) - float(old[1]["__data_time"]) == pytest.approx(0.5)
    assert {members["machine_name"]: members["state"] for _, members in machines} == states
    assert {name for name, _ in machines} == {"ocd.states.state"}
    assert server.said() == "3 events served"


def test_old_enquiries_are_not_answered_and_repeats_not_served(site: Site, tcp: str) -> None:
    publish(site, event(1, "ocd.heartbeat.enquiry", id="old"), event(2), event(3, "tcs.root.ra"))
    cluster = site.cluster
    twice = Publisher(cluster, Registry(cluster), OBSERVATORY, "twice")
    for seq in (0, 1, 1, 0, 2):
        twice.publish(event(10 + seq), seq=seq)
    twice.flush()
    names = Names(["pas.*", "ocd.heartbeat.*"])
    with Ear(tcp) as ear:
        with serving(site, [tcp], Wish(1, names, once=True), ear):
            assert [members["n"] for _, members in ear.hear(4)] == [2, 10, 11, 12]
        with serving(site, [tcp], Wish(Edge.START, Names(["ocd.*"]), once=True), ear):
            assert [members["n"] for _, members in ear.hear(1)] == [1]
        assert ear.silent()


def test_an_event_that_has_no_name_of_three_parts_is_passed_over(site: Site, tcp: str) -> None:
    odd = TcsEvent(1, 1, "lsst.sal", "MTMount", "azimuth", False, {}, {})
    publish(site, odd, event(1))
    with Ear(tcp) as ear, serving(site, [tcp], Wish(Edge.START, once=True), ear) as server:
        assert ear.hear(1) == heard(message(1))
    assert server.said() == "1 event served; 1 record without a name there"


def test_a_replay_is_served_when_it_comes(site: Site, tcp: str) -> None:
    sent = [message(n) for n in range(40)]
    publish(site, *map(tcs_wire.parse, sent), event(50, "ocd.heartbeat.enquiry", id="old"))
    window = offsets(site.cluster, OBSERVATORY, None, None)
    wish = Wish(replay=True, answers=False)
    with Ear(tcp) as ear, serving(of_replay(site, "first"), [tcp], wish, ear), stopping() as s:
        Player(site.cluster, Request([window, window], 100.0, "first"), s).run()
        lap = ear.hear(41)
        assert lap[:40] == heard(*sent)
        assert ear.hear(41) == lap  # a listener has no tables that count it twice
        assert ear.silent()
    wish = Wish(38, replay=True, answers=False)
    with Ear(tcp) as ear, serving(of_replay(site, "second"), [tcp], wish, ear), stopping() as s:
        Player(site.cluster, Request([window], 100.0, "second"), s).run()
        assert ear.hear(3) == lap[38:]
        assert ear.silent()


def test_an_address_in_use_is_refused(ipc: str, tcp: str) -> None:
    for url in (tcp, ipc, f"ipc://@{Path(ipc).name}"):
        with Speaking([url]), pytest.raises(AddressInUse, match=f"^{url} is in use by another"):
            Speaking([url])
        with Speaking([url]):  # free again
            pass


def test_an_offset_that_is_not_there_yet(site: Site, tcp: str) -> None:
    publish(site, event(1))
    with Speaking([tcp]) as speaking, pytest.raises(BeyondEnd, match="has no offset 9: the next"):
        Server(site.settings, speaking, Wish(9), Stop()).run()


def test_a_listener_that_stands_still_holds_up_the_others_once(site: Site, tcp: str) -> None:
    publish(site, *(event(number, image="x" * 3000) for number in range(16_000)))
    wish = Wish(Edge.START, once=True)
    with (
        Ear(tcp) as ear,
        Ear(tcp, queue=10) as still,
        serving(site, [tcp], wish, ear, still) as server,
    ):
        numbers = [members["n"] for _, members in ear.hear(16_000)]
    assert numbers == list(range(16_000))
    assert server.said() == "16,000 events served; a listener was too slow, once, and lost events"


def test_a_stop_ends_what_waits_for_a_replay(site: Site, tcp: str) -> None:
    with Speaking([tcp]) as speaking:
        stop = Stop()
        stop.on_signal(signal.SIGTERM)
        server = Server(site.settings, speaking, Wish(replay=True), stop)
        server.run()
        assert server.said() == "0 events served"
