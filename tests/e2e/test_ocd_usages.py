"""OCD's command lines are taken by our counterparts: each option under its names, with its default.

The tables are OCD's usage texts: names, short forms and defaults. What is not needed here is taken
all the same, and said to be.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from infra.cli import app
from infra.cli.addresses import say_unneeded

URLS = ["tcp://127.0.0.1:6600", "ipc://run_shot.ipc"]


class Given(NamedTuple):
    """An option of OCD's: its names, what follows it, and what our parser makes of that.

    `default` is the value without the option; `is_needed` is false of what only OCD needs.
    """

    names: Sequence[str]
    words: Sequence[str]
    parameter: str
    value: Any
    default: Any = None
    is_needed: bool = True


class Usage(NamedTuple):
    """A command of OCD's, ours, and the positionals that both take, with what they are read as."""

    ours: Sequence[str]
    positionals: Sequence[str]
    read: Mapping[str, Any]
    options: Sequence[Given]


def number_of_address(names: Sequence[str], parameter: str) -> Given:
    """Return an option that chooses an address, which nobody has to do here."""
    return Given(names, ["1"], parameter, 1, is_needed=False)


def addresses(names: Sequence[str], parameter: str) -> Given:
    """Return an option that names addresses, which nobody has to know here."""
    return Given(names, URLS, parameter, URLS, is_needed=False)


ASKING = (
    Given(["-n", "--max-attempts"], ["7"], "max_attempts", 7, 5),
    Given(["-I", "--interval"], ["0.5"], "interval", 0.5, 1),
    addresses(["-i", "--ocd-main-loop"], "ocd_main_loop"),
)
CONTAINER = Given(["-c", "--container-name"], ["ocd_mysql"], "container_name", "ocd_mysql")

USAGES = {
    "ocd run": Usage(
        ["run", "orchestrator"],
        [],
        {"names": ["orchestrator"]},
        [
            Given(["-u", "--event-urls"], URLS, "event_urls", URLS),
            Given(["-t", "--extra-topics"], ["a.b.c", "d.e.f"], "extra_topics", ["a.b.c", "d.e.f"]),
            Given(["-a", "--auto-subscribe"], ["no"], "auto_subscribe", "no"),
            number_of_address(["--n-ocd-main-loop"], "n_ocd_main_loop"),
            number_of_address(["--n-ocd-run-shot"], "n_ocd_run_shot"),
        ],
    ),
    "ocd config copy": Usage(
        ["config", "copy"],
        [],
        {},
        [
            Given(["-t", "--to-dir"], ["conf"], "directory", Path("conf"), Path()),
            Given(["-f", "--force"], [], "force", True, False),
            Given(["-b", "--backup"], [], "backup", True, False),
        ],
    ),
    "ocd config send": Usage(
        ["config", "send"],
        ["orchestrator", "sun_below", "-15"],
        {"section": "orchestrator", "option": "sun_below", "value": "-15"},
        [
            *ASKING,
            addresses(["-o", "--ocd-config"], "ocd_config"),
            number_of_address(["-N", "--n-ocd-config-hetdex"], "n_ocd_config_hetdex"),
        ],
    ),
    "ocd run_shot": Usage(
        ["shot", "run"],
        ["HS0050", "12", "11.5", "-4.25", "120", "0", "360", "361", "362"],
        {
            "shotid": "HS0050",
            "obs_number": 12,
            "ra": 11.5,
            "dec": -4.25,
            "azimuth": 120.0,
            "track": 0,
            "exp01": 360.0,
            "exp02": 361.0,
            "exp03": 362.0,
        },
        [
            Given(["-e", "--emit-events"], [], "emit_events", True, False),
            Given(["-c", "--wait-for-connection"], [], "wait_for_connection", True, False),
            Given(["-t", "--timeout"], ["5"], "timeout", 5, 10),
            Given(["-m", "--metadata"], ['{"QIFU": "000"}'], "metadata", '{"QIFU": "000"}'),
            Given(["-d", "--dither-with-probes"], ["yes"], "dither_with_probes", "yes"),
            Given(["-w", "--wait-last-write"], ["no"], "wait_last_write", "no"),
            Given(["--shuffle-shot"], ["shuffle"], "shuffle_shot", Path("shuffle")),
            Given(["--shuffle-conf-template"], ["{shotid}"], "shuffle_conf_template", "{shotid}"),
            Given(["--acam-dest-file"], ["acam.jpg"], "acam_dest_file", Path("acam.jpg")),
            addresses(["--ocd-run-shot"], "ocd_run_shot"),
            number_of_address(["-N", "--n-ocd-run-shot"], "n_ocd_run_shot"),
        ],
    ),
    "ocd allow_hetdex": Usage(
        ["allow"],
        ["start"],
        {"wish": "start"},
        [
            *ASKING,
            addresses(["-o", "--ocd-allow-hetdex"], "ocd_allow_hetdex"),
            number_of_address(["-N", "--n-ocd-allow-hetdex"], "n_ocd_allow_hetdex"),
        ],
    ),
    "ocd db_replay": Usage(
        ["replay"],
        ["night.db"],
        {"files": [Path("night.db")]},
        [
            Given(["--serve-forever"], [], "loop", True, False),
            Given(["-t", "--timeout"], ["5"], "timeout", 5, 10),
            Given(["-s", "--speedup"], ["2.5"], "speed", "2.5", "1"),
            Given(["-T", "--topics"], ["a.b.c", "d.e.f"], "topics", ["a.b.c", "d.e.f"]),
            # none given: by wire time for a file, as OCD has it
            Given(["-S", "--sort-by"], ["__data_time"], "sort_by", "__data_time"),
            Given(["--no-convert-number"], [], "no_convert_number", True, False),
            Given(["--no-convert-bool"], [], "no_convert_bool", True, False),
            addresses(["--ocd-db-replay"], "ocd_db_replay"),
        ],
    ),
    **{
        f"ocd docker_mysql {verb}": Usage(["mysql", verb], [], {}, [CONTAINER])
        for verb in ("up", "down", "info")
    },
}


def command_of(words: Sequence[str]) -> tuple[Any, list[str], Any]:
    """Return the command that a line is for, its other words, and the context around it."""
    command: Any = get_command(app)
    context = command.make_context("evctl", list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        if hasattr(command, "commands"):
            context = command.make_context(name, rest, parent=context)
    return command, rest, context


def parsed(words: Sequence[str]) -> Mapping[str, Any]:
    """Return what our parser makes of a line; nothing is run."""
    command, rest, context = command_of(words)
    found = command.make_context(command.name, rest, parent=context).params
    return {name: None if value == () else value for name, value in found.items()}


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("night.db", "ocd.yaml"):
        (tmp_path / name).touch()


@pytest.mark.parametrize("name", USAGES)
def test_every_option_is_taken_under_each_of_its_names_and_has_ocd_s_default(name: str) -> None:
    usage = USAGES[name]
    plain = parsed([*usage.ours, *usage.positionals])
    assert {name: plain[name] for name in usage.read} == usage.read
    for option in usage.options:
        assert plain[option.parameter] == option.default
        for spelling in option.names:
            found = parsed([*usage.ours, spelling, *option.words, *usage.positionals])
            assert found == {**plain, option.parameter: option.value}, spelling


@pytest.mark.parametrize("name", USAGES)
def test_all_options_may_stand_together_with_a_configuration_behind_the_positionals(
    name: str,
) -> None:
    usage = USAGES[name]
    words = [word for one in usage.options for word in (one.names[0], *one.words)]
    wanted = {one.parameter: one.value for one in usage.options}

    found = parsed([*usage.ours, *usage.positionals, *words, "--config", "ocd.yaml"])

    assert {name: found[name] for name in (*usage.read, *wanted)} == {**usage.read, **wanted}


@pytest.mark.parametrize("name", USAGES)
def test_what_only_ocd_needs_is_said_to_be_unneeded(name: str) -> None:
    usage = USAGES[name]
    command = command_of([*usage.ours, *usage.positionals])[0]
    help_of = {parameter.name: getattr(parameter, "help", "") for parameter in command.params}

    for option in usage.options:
        assert ("not needed" in (help_of[option.parameter] or "")) == (not option.is_needed)


def test_live_events_and_a_replay_s_at_once_are_refused_as_by_ocd() -> None:
    replayed = {"EVCTL_URLS__OCD_DB_REPLAY": URLS[1]}
    for words in (["-u", URLS[0]], ["--listen", "-u", URLS[0]]):
        refused = CliRunner().invoke(app, ["run", "orchestrator", *words], env=replayed)
        assert (refused.exit_code, "Not started: urls.event_urls" in refused.stderr) == (78, True)


def test_people_are_told_what_was_not_needed(capsys: pytest.CaptureFixture[str]) -> None:
    say_unneeded(ocd_main_loop=URLS, n_ocd_config_hetdex=0, ocd_config=None)

    told = capsys.readouterr().err
    assert (
        told
        == "evctl: --ocd-main-loop, --n-ocd-config-hetdex: not needed, all goes through the log\n"
    )
