"""Live events and a replay at once: the settings alone show it; all warn, who acts refuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.settings import Settings, SettingsError, load
from infra.settings.sources import LiveAndReplay, live_and_replay, refuse_live_and_replay

LIVE, OLD = "tcp://192.168.66.31:30301", "tcp://127.0.0.1:5556"


def settings(**urls: object) -> Settings:
    return load(
        environ={}, options={f"urls.{name}": given for name, given in urls.items()}
    ).settings


@pytest.mark.parametrize(
    "urls",
    [
        {},
        {"event_urls": [LIVE], "ocd_main_loop": [OLD]},
        {"ocd_db_replay": [OLD]},
        {"event_urls": [OLD], "ocd_db_replay": [OLD]},
    ],
)
def test_one_source_is_fine(urls: dict[str, object]) -> None:
    assert live_and_replay(settings(**urls)) is None
    refuse_live_and_replay(settings(**urls))


def test_two_are_refused_by_who_acts() -> None:
    with pytest.raises(LiveAndReplay, match=f"^Not started: .*{LIVE}.*{OLD}") as caught:
        refuse_live_and_replay(settings(event_urls=[LIVE], ocd_db_replay=[OLD]))
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("command", [["config", "show"], ["broker", "stop"], ["config", "check"]])
def test_every_other_command_warns(command: list[str], tmp_path: Path) -> None:
    site = tmp_path / "evctl-site.yaml"
    site.write_text(f"urls:\n  event_urls: [{LIVE}]\n  ocd_db_replay: {OLD}\n")

    result = CliRunner().invoke(app, ["--site-file", str(site), *command])

    assert result.exit_code == 0
    assert f"evctl: warning: urls.event_urls ({LIVE}) has live events and" in result.stderr


def test_addresses_are_lists_or_one_text(tmp_path: Path) -> None:
    environ = {"EVCTL_URLS__EVENT_URLS": f"{LIVE}, ipc://tcs.ipc"}
    site = tmp_path / "evctl-site.yaml"
    site.write_text("urls: {ocd_main_loop: ['ipc://out.ipc', 'ipc://@none', 'tcp://[::1]:5']}")
    found = load(site, environ=environ, cwd=tmp_path / "elsewhere").settings.urls

    assert found.event_urls == (LIVE, f"ipc://{tmp_path}/elsewhere/tcs.ipc")
    assert found.ocd_main_loop == (f"ipc://{tmp_path}/out.ipc", "ipc://@none", "tcp://[::1]:5")


@pytest.mark.parametrize(
    "url", ["tcp://5556", "udp://a:1", "tcp://a:b", "ipc://", "5556", "tcp://a:1 b", "tcp://a:0"]
)
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(SettingsError, match="; allowed: a list of tcp://HOST:PORT and ipc://PATH"):
        settings(event_urls=[url])


@pytest.mark.parametrize(
    ("written", "meant"), [("no", "no"), ("yes", "yes"), ("'all'", "all"), ("", "all")]
)
def test_yes_and_no_are_words(written: str, meant: str, tmp_path: Path) -> None:
    site = tmp_path / "evctl-site.yaml"
    site.write_text(f"topics: {{auto_subscribe: {written}}}")

    assert load(site, environ={}).settings.topics.auto_subscribe == meant
