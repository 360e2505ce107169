"""What comes from ZeroMQ is on the log, or counted by what is wrong with it."""

import json
import os
import signal
from pathlib import Path

import pytest

from infra.bridge.errors import AddressUnusable, NotRecorded
from infra.bridge.sockets import Hearing
from infra.broker import control
from infra.settings import load
from producers.tcs_names import Names
from tests.integration.bridge.bridged import Site, recording
from tests.waiting import until
from tests.zeromq_peers import Sender, message

MB = 1_000_000


def test_events_of_several_senders_are_records_each_once(site: Site, ipc: str) -> None:
    with (
        Sender("tcp://127.0.0.1:*") as one,
        Sender(ipc) as other,
        recording(site, one.url, other.url, one.url) as bridge,
    ):
        one.heard().send(*(message(number) for number in range(50)))
        other.heard().send(*(message(number, "tcs.root.ra_dec") for number in range(50, 100)))
        until(lambda: len(site.messages()) == 100)
        assert bridge.ended() == "100 events recorded"
    records = site.records()
    assert sorted(record.event.values["n"] for record in records) == list(range(100))
    assert {record.key for record in records} == {"pas.Guider1.metrology_data", "tcs.root.ra_dec"}
    assert {record.provenance.source for record in records} == {records[0].provenance.source}
    assert [record.provenance.seq for record in records] == list(range(100))
    first = next(record for record in records if record.event.values["n"] == 1)
    assert first.event.wire_time - first.time == 900
    assert first.event.values == {"n": 1, "image_quality": 1.2, "filter": "g"}


def test_bad_messages_are_counted_and_do_no_harm(
    site: Site, ipc: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, text = message(7)
    with Sender(ipc) as sender, recording(site, ipc) as bridge:
        sender.heard().send(
            message(1),
            [name],
            [name, text, text],
            [b"pas.Guider1", text],
            [b"\xff\xfe", text],
            *([name, b"{"] for _ in range(30)),
            [name, json.dumps({"a": 1}).encode()],
            message(2, image="x" * MB),
            message(3, image="x" * 5 * MB),
            [name, bytes(MB)],
            [b"tcs.root.ra_dec", text],
            message(4),
        )
        until(lambda: len(site.messages()) == 3)
        said = bridge.ended()
    assert site.numbers() == [1, 2, 4]
    assert said == (
        "3 events recorded; 38 messages passed over (31 not a JSON object, 2 not of two frames, "
        "1 name not of three parts, 1 not UTF-8, 1 members that no event has, 1 too large, "
        "1 name and members disagree)"
    )
    once = "passed over a message, not a JSON object: "
    assert sum(one.getMessage().startswith(once) for one in caplog.records) == 1


def test_only_wanted_names_are_recorded(site: Site, ipc: str) -> None:
    names = Names(["tcs.root.ra_dec", "pas.Guider?.seeing"])
    with Sender(ipc) as sender, recording(site, ipc, names=names) as bridge:
        for _ in names.prefixes:
            sender.heard()
        sender.send(
            message(1, "tcs.root.ra_dec"),
            message(2, "tcs.root.ra_dec2"),
            message(3, "pas.Guider1.seeing"),
            message(4, "pas.Guider1.other"),
            message(5, "pas.Guider2.seeing"),
        )
        until(lambda: len(site.messages()) == 3)
        assert bridge.ended() == "3 events recorded"
    assert site.numbers() == [1, 3, 5]


def test_while_the_log_is_silent_memory_is_bounded_and_what_is_dropped_is_said(
    site: Site, ipc: str
) -> None:
    endpoint = control.find(site.settings.log.data_dir)
    assert endpoint is not None
    with Sender(ipc) as sender, recording(site, ipc, buffer=MB) as bridge:
        sender.heard().send(message(0))
        until(lambda: len(site.messages()) == 1)
        os.kill(endpoint.pid, signal.SIGSTOP)
        try:
            sender.send(*(message(number, image="x" * 100_000) for number in range(1, 500)))
            until(lambda: "dropped" in bridge.recorder.said())
        finally:
            os.kill(endpoint.pid, signal.SIGCONT)
        inbox = bridge.recorder._inbox
        until(lambda: inbox.received == 500 and not bridge.recorder.waiting)
        sender.send(message(500))
        until(lambda: site.numbers()[-1:] == [500])
        said = bridge.ended()
    numbers = site.numbers()
    assert numbers == sorted(set(numbers))
    assert 10 < len(numbers) < 500
    assert said == (
        f"{len(numbers)} events recorded; {501 - len(numbers)} messages dropped, for bridge.buffer "
        "was full: if TCS has recorded them, `evctl import` adds what is missing"
    )


def test_a_log_that_moves_is_found_and_has_every_event_once(tmp_path: Path, ipc: str) -> None:
    (tmp_path / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    site = Site(tmp_path, load(tmp_path / "evctl-site.yaml", environ={}).settings)
    try:
        with Sender(ipc) as sender, recording(site, ipc) as bridge:
            sender.heard()
            for part in range(2):
                numbers = range(part * 2000, (part + 1) * 2000)
                sender.send(*map(message, numbers))
                until(lambda: len(site.messages()) > numbers[200])  # noqa: B023 used at once
                endpoint = control.find(tmp_path / "log")
                assert endpoint is not None
                os.kill(endpoint.pid, signal.SIGKILL)
            until(lambda: len(site.messages()) >= 4000)
            assert bridge.ended() == "4,000 events recorded"
        assert site.numbers() == list(range(4000))
    finally:
        control.stop(tmp_path / "log")


def test_a_log_that_is_gone_at_the_end_is_told(tmp_path: Path, ipc: str) -> None:
    (tmp_path / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    site = Site(tmp_path, load(tmp_path / "evctl-site.yaml", environ={}).settings)
    with Sender(ipc) as sender, recording(site, ipc) as bridge:
        sender.heard().send(message(0))
        until(lambda: len(site.messages()) == 1)
        control.stop(tmp_path / "log")
        (tmp_path / "log").rename(tmp_path / "elsewhere")
        (tmp_path / "log").write_text("")
        sender.send(*map(message, range(1, 4)))
        until(lambda: bridge.recorder.waiting == 3)
        with pytest.raises(NotRecorded, match=r"^The last 3 messages received did not get on the"):
            bridge.ended()


@pytest.mark.parametrize(
    ("url", "reason"), [("ipc://" + "x" * 200, "file name too long"), ("ipc://", "invalid")]
)
def test_an_address_that_can_not_be_is_one_sentence(url: str, reason: str) -> None:
    with pytest.raises(AddressUnusable, match=f"^{url} can't be used: {reason}"):
        Hearing([url], [""])
