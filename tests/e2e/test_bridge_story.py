"""Sender, bridge, log and listener die in turn: each event is on the log once, and heard once."""

import signal
from pathlib import Path

from infra.broker.errors import BrokerError
from infra.kafka.node import free_port
from infra.log import reading
from infra.log.decoding import Decoder
from infra.log.errors import LogUnavailable
from infra.log.registry import Registry
from tests.e2e.stage import Stage, ended, on_stage
from tests.waiting import until
from tests.zeromq_peers import Ear, Sender, message


def numbers(stage: Stage) -> list[int]:
    """Return the number of each event on the log, repeats among them; none while it is away."""
    try:
        cluster = stage.cluster
        spans = {at: [span] for at, span in reading.whole(cluster, [("observatory", 0)]).items()}
        found = [message for batch in reading.messages(cluster, spans) for message in batch]
        decoder = Decoder(Registry(cluster))
        return [decoder.record(message).event.values["n"] for message in found]
    except (LogUnavailable, BrokerError):
        return []


def test_nothing_acknowledged_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    tcs, ears = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    sent: list[list[bytes]] = []

    def some(count: int) -> list[list[bytes]]:
        made = [message(len(sent) + number) for number in range(count)]
        sent.extend(made)
        return made

    with (
        on_stage(tmp_path, broker={"port": free_port()}, urls={"event_urls": [tcs]}) as stage,
        Ear(ears) as ear,
    ):
        out = stage.start("bridge", "out", ears, "--from-start")
        assert out.stderr is not None
        assert out.stderr.readline() == f"serving observatory at {ears}\n"
        ear.connected()
        bridge = stage.start("bridge", "in")
        heard: list[int] = []
        with Sender(tcs) as sender:
            sender.heard().send(*some(500))
            until(lambda: len(numbers(stage)) == 500)
            heard += [members["n"] for _, members in ear.hear(500)]

            sender.send(*some(1000))  # the broker dies under load: the bridge starts another
            stage.kill_broker()
            sender.send(*some(500))
            until(lambda: len(numbers(stage)) == 2000)
            heard += [members["n"] for _, members in ear.hear(1500)]
            assert heard == numbers(stage) == list(range(2000))

        with Sender(tcs) as sender:  # the sender dies, and is back
            sender.heard().send(*some(500))
            until(lambda: len(numbers(stage)) == 2500)

            sender.send(*some(2000))  # the bridge dies under load: what it had not sent is lost
            until(lambda: len(numbers(stage)) > 2600)
            bridge.send_signal(signal.SIGKILL)
            bridge.communicate()
            bridge = stage.start("bridge", "in")
            sender.heard().send(*some(100))
            until(lambda: numbers(stage)[-1:] == [4599])
            bridge.send_signal(signal.SIGINT)
            told = ended(bridge)
            assert (told.code, told.sentence) == (130, "100 events recorded")
        kept = numbers(stage)
        assert kept == sorted(set(kept)), "nothing is doubled, and the order is TCS's"
        assert set(kept) >= {*range(2600), *range(4500, 4600)}
        heard += [members["n"] for _, members in ear.hear(len(kept) - 2000)]
        assert heard == kept
        out.send_signal(signal.SIGTERM)
        told = ended(out)
        assert (told.code, told.sentence) == (143, f"{len(kept):,} events served")

        recording = tmp_path / "tcs.jsonl"  # TCS's own recording fills the gap, and only that
        recording.write_bytes(b"".join(text + b"\n" for _, text in sent))
        stage.done("import", recording)
        assert sorted(numbers(stage)) == list(range(4600))
