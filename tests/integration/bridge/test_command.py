"""`evctl bridge` as people meet it: what it says, and how it ends when something is wrong."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.bridge.sockets import Speaking
from infra.cli import app, bridge
from infra.settings import load
from producers import ocd
from tests.integration.bridge.bridged import Site


def evctl(site: Site, *words: str) -> Result:
    return CliRunner().invoke(app, [*site.words, *words], prog_name="evctl")


@pytest.mark.parametrize("direction", ["in", "out"])
def test_without_pyzmq_it_says_what_to_install(
    site: Site, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zmq", None)
    result = evctl(site, "bridge", direction, "tcp://127.0.0.1:5556")

    assert result.exit_code == 69
    assert result.stderr == (
        "evctl: evctl bridge needs pyzmq, which is not installed: `pip install 'evctl[zmq]'` "
        "brings it, in the environment that evctl runs in.\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["in"], 2, "There is no address to listen to: give one, or set urls.event_urls in"),
        (["out"], 2, "There is no address to serve: give one, or set urls.ocd_main_loop in the"),
        (
            ["out", "--namespace", "replay.x"],
            2,
            "There is no address to serve: give one, or set urls.ocd_db_replay in the settings.",
        ),
        (["in", "5556"], 78, "command line: urls.event_urls: ['5556'] is not allowed; allowed: a"),
        (["in", "tcp://a:70000"], 78, "['tcp://a:70000'] is not allowed (a port is 1 to 65535);"),
        (["out", "tcp://192.0.2.1:5556"], 78, "can't be used: cannot assign requested address."),
        (["out", "ipc://gone/x"], 78, "gone/x can't be used: no such file or directory."),
        (["in", "-a", "no", "tcp://a:1"], 2, "--auto-subscribe no records what --extra-topics"),
        (["in", "-a", "maybe", "tcp://a:1"], 2, "'maybe' is not one of 'all', 'yes', 'no'"),
        (
            ["in", "--namespace", "replay.x", "tcp://a:1"],
            2,
            "replay.x. is a replay's namespace, and what TCS sends now is no part of that replay",
        ),
        (["out", "--once", "tcp://127.0.0.1:1"], 2, "--once needs --from-start or --from-offset"),
        (
            ["out", "--from-offset", "1", "--from-start", "tcp://127.0.0.1:1"],
            2,
            "give --from-offset or --from-start, not both",
        ),
    ],
)
def test_what_can_not_be_meant(site: Site, words: list[str], code: int, sentence: str) -> None:
    result = evctl(site, "bridge", *words)

    assert sentence in " ".join(result.stderr.replace("│", " ").split())
    assert result.exit_code == code


@pytest.mark.parametrize(
    ("topics", "patterns"),
    [
        ({}, ()),
        ({"extra_topics": ["pas.*"]}, ()),
        ({"auto_subscribe": "yes"}, ocd.NEEDED),
        ({"auto_subscribe": "yes", "extra_topics": ["pas.*"]}, (*ocd.NEEDED, "pas.*")),
        ({"auto_subscribe": "no", "extra_topics": "pas.*, tcs.root.b"}, ("pas.*", "tcs.root.b")),
    ],
)
def test_which_events_are_recorded(topics: dict[str, object], patterns: tuple[str, ...]) -> None:
    options = {f"topics.{name}": given for name, given in topics.items()}

    assert bridge._wanted(load(options=options, environ={}).settings).patterns == patterns


def test_a_port_in_use_is_one_sentence(site: Site, tcp: str) -> None:
    with Speaking([tcp]):
        result = evctl(site, "bridge", "out", tcp)

    assert result.exit_code == 73
    assert result.stderr == (
        f"evctl: {tcp} is in use by another process: end that one, or give another address.\n"
    )


def test_what_it_serves_itself_is_not_recorded(tmp_path: Path) -> None:
    site = tmp_path / "evctl-site.yaml"
    site.write_text("urls: {event_urls: 'tcp://localhost:6600', ocd_main_loop: 'tcp://*:6600'}")
    result = CliRunner().invoke(app, ["--site-file", str(site), "bridge", "in"])

    assert result.exit_code == 78
    assert result.stderr.startswith(
        "evctl: tcp://localhost:6600 is where `evctl bridge out` serves this log"
    )


def test_up_to_the_end_and_then_it_ends(site: Site, tcp: str) -> None:
    words = ["bridge", "out", tcp, "--from-start", "--once", "--wait-setup", "0"]
    result = evctl(site, *words)

    assert result.exit_code == 0, result.stderr
    name = f"{site.settings.log.namespace}observatory"
    assert result.stderr == f"serving {name} at {tcp}\n0 events served\n"
