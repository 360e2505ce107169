"""The shell around the commands: words, help, completion, and how every command ends."""

import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import COMMANDS, app
from infra.cli.words import each_with_its_option, globals_first, negatives_last
from tests.waiting import WAIT_S

EVCTL = Path(sys.executable).with_name("evctl")
TRIAL = '''
"""A shell with commands that end in each way there is."""
import sys, typer
from infra.cli.context import settings
from infra.cli.shell import Shell
from infra.signals import stopping
from schemas.errors import EvctlError

class Trial(Shell):
    rows = {name: (f"trial_{name}", f"Ends by {name}.") for name in
            ("error", "fault", "interrupt", "flood", "loop", "sleep", "names", "making")}

app = typer.Typer(cls=Trial, rich_markup_mode=None, pretty_exceptions_enable=False)

@app.callback()
def trial(debug: bool = typer.Option(False, "--debug")) -> None: ...
'''
COMMAND = {
    "error": "raise EvctlError('The night is too short: 0 s.')",
    "fault": "{}['key']",
    "interrupt": "raise KeyboardInterrupt",
    "flood": "[print('line', n) for n in range(100_000)]",
    "loop": """
    with stopping() as stop:
        print('ready', flush=True)
        batches = 0
        while not stop.wait(0.01):
            batches += 1
        print('batch in hand finished')
    raise typer.Exit(stop.exit_code)""",
    "sleep": """
    import time
    try:
        print('ready', flush=True)
        for _ in range(6000):
            time.sleep(0.01)  # a long sleep misses a signal that comes the moment before it
    finally:
        print('closed')""",
    "making": """
    class Mark:
        def __set_name__(self, *_): sys.exit(143)
    class Made:
        mark = Mark()""",
    "names": "print(settings(ctx).log.namespace)",
}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trial(at: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command line of a shell with the commands above."""
    (at / "trial.py").write_text(TRIAL)
    for name, body in COMMAND.items():
        head = "from trial import *\ndef command(ctx: typer.Context) -> None:\n    "
        (at / f"trial_{name}.py").write_text(head + body)
    monkeypatch.setenv("PYTHONPATH", str(at))
    return [sys.executable, "-c", "import trial; trial.app()"]


def run(*words: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, list(words), env=env, prog_name="evctl")


def process(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
        env={**os.environ, **environ},
    )


# --- words


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("tail observatory", "tail observatory"),
        ("tail --debug x -V", "--debug -V tail x"),
        ("tail --site-file s.yaml x", "--site-file s.yaml tail x"),
        ("tail x --namespace het", "--namespace het tail x"),
        ("tail --namespace=het x", "--namespace=het tail x"),
        ("--config tail x", "--config evctl.yaml tail x"),
        ("--config there tail x", "--config there tail x"),
        ("--config new.yaml tail x", "--config new.yaml tail x"),
        ("--config=odd tail x", "--config=odd tail x"),
        ("tail x --config", "--config evctl.yaml tail x"),
        ("tail --config --from end", "--config evctl.yaml tail --from end"),
        ("tail --config over.yml x", "--config over.yml tail x"),
        ("publish x -- --debug --config", "publish x -- --debug --config"),
        ("tail --site-file", "--site-file tail"),
        ("", ""),
    ],
)
def test_global_options_come_first_and_config_gets_its_value(
    line: str, read: str, at: Path
) -> None:
    (at / "there").touch()
    (at / "tail").mkdir()
    assert globals_first(line.split()) == read.split()


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("-T a b c", "-T a -T b -T c"),
        ("-s 2 -T a b --loop x", "-s 2 -T a -T b --loop x"),
        ("-T a b there -T c", "-T a -T b there -T c"),
        ("-T there b", "-T there -T b"),
        ("x --topics a -T b c", "x --topics a -T b -T c"),
        ("-T a -- b c", "-T a -- b c"),
        ("a b", "a b"),
        ("-T", "-T"),
        ("-T -s 2", "-T -s 2"),
    ],
)
def test_several_values_may_follow_one_option(line: str, read: str, at: Path) -> None:
    (at / "there").touch()
    assert each_with_its_option(line.split(), ("-T", "--topics")) == read.split()


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("a seek -10h", "a seek -- -10h"),
        ("a seek -.5 --json -t 3", "a seek --json -t 3 -- -.5"),
        ("a pause --json", "a pause --json"),
    ],
)
def test_a_way_back_is_no_option(line: str, read: str) -> None:
    assert negatives_last(line.split()) == read.split()


@pytest.mark.parametrize(
    "line",
    [
        "--config config show",
        "config --config show",
        "config show --config",
        "--config evctl.yaml config show",
        "config show --config evctl.yaml",
        "config show --config=evctl.yaml",
        "config show --config=",
    ],
)
def test_the_overlay_is_taken_wherever_it_is_named(line: str, at: Path) -> None:
    (at / "evctl.yaml").write_text("site: {name: overlaid}")
    result = run(*line.split())
    assert result.exit_code == 0
    assert "name: overlaid\n" in result.stdout


def test_a_missing_overlay_is_a_warning_on_stderr(at: Path) -> None:
    result = run("config", "show", "--config")
    assert result.exit_code == 0
    warning = f"evctl: warning: the overlay {at}/evctl.yaml (--config) does not exist"
    assert result.stderr.startswith(warning)


def test_the_namespace_of_the_command_line_wins(at: Path) -> None:
    result = run("config", "show", "--namespace", "het", env={"EVCTL_LOG__NAMESPACE": "hpf"})
    assert "namespace: het.\n" in result.stdout


# --- version, help, completion


@pytest.mark.parametrize("words", ["", "config", "config show", "publish", "config show --origin"])
@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_printed_everywhere(words: str, flag: str) -> None:
    result = run(*words.split(), flag)
    assert result.exit_code == 0
    assert re.fullmatch(r"evctl \d+\.\d+\S*\n", result.stdout)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("words", ["", "config", "config copy"])
def test_help_has_two_names_and_examples_keep_their_lines(words: str, flag: str) -> None:
    result = run(*words.split(), flag)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: evctl")
    if words != "config":
        assert "  Examples:\n    evctl " in result.stdout


def test_help_lists_every_command_with_its_whole_line() -> None:
    listed = run("-h").stdout
    for name, (_, text) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", listed, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_and_help(name: str) -> None:
    assert find_spec(COMMANDS[name][0]), f"{COMMANDS[name][0]} is not there"
    result = run(name, "-h")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: evctl {name} ")
    assert "Everywhere: --site-file" in result.stdout


@pytest.mark.parametrize("flag", ["-h", "-V"])
def test_help_and_version_import_nothing_heavy(flag: str) -> None:
    script = (
        "import sys; from infra.cli import app\n"
        "try: app()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = process(sys.executable, "-c", script, flag)
    assert done.returncode == 0
    heavy = {"pydantic", "yaml", "confluent_kafka", "sqlalchemy", "numpy", "astropy"}
    assert not heavy & set(done.stderr.split())


@pytest.mark.parametrize(
    ("line", "found"), [("con", "config"), ("config ", "copy"), ("config copy --ba", "--backup")]
)
def test_completion_knows_commands_of_modules_not_yet_imported(line: str, found: str) -> None:
    words = f"evctl {line}"
    count = str(len(words.split(" ")) - 1)
    completion = {"_EVCTL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    assert found in process(EVCTL, **completion).stdout.split()


def test_a_mistyped_command_or_option_is_a_usage_error() -> None:
    mistyped = run("confg")
    assert mistyped.exit_code == 2
    assert "No such command 'confg'. Did you mean 'config'?" in mistyped.stderr
    assert run("config", "show", "--orgin").exit_code == 2


# --- how commands end


def test_an_error_of_ours_is_one_sentence(trial: list[str]) -> None:
    done = process(*trial, "error")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "evctl: The night is too short: 0 s.\n"


def test_debug_adds_the_traceback(trial: list[str]) -> None:
    done = process(*trial, "error", "--debug")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("evctl: The night is too short: 0 s.\n")


def test_a_fault_of_evctl_itself_says_how_to_find_it(trial: list[str]) -> None:
    done = process(*trial, "fault")
    assert done.returncode == 70
    sentence = "evctl: unexpected KeyError: 'key'; run again with --debug to see where\n"
    assert done.stderr == sentence
    assert "Traceback" in process(*trial, "--debug", "fault").stderr


def test_an_interrupt_ends_quietly(trial: list[str]) -> None:
    done = process(*trial, "interrupt")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_end_while_a_class_is_made_is_an_end(trial: list[str]) -> None:
    """Where a signal comes while modules are imported, Python 3.11 makes another error of it."""
    done = process(*trial, "making")
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_reader_that_leaves_ends_the_command_quietly(trial: list[str]) -> None:
    with subprocess.Popen(
        [*trial, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout
        assert writer.stderr
        assert writer.stdout.readline() == "line 0\n"
        writer.stdout.close()
        assert writer.stderr.read() == ""
    assert writer.returncode == 141


@pytest.mark.parametrize(
    ("command", "number", "code", "last"),
    [
        ("loop", signal.SIGINT, 130, "batch in hand finished\n"),
        ("loop", signal.SIGTERM, 143, "batch in hand finished\n"),
        ("sleep", signal.SIGINT, 130, "closed\n"),
        ("sleep", signal.SIGTERM, 143, "closed\n"),
    ],
)
def test_signals_end_every_command_in_one_way(
    command: str, number: int, code: int, last: str, trial: list[str]
) -> None:
    with subprocess.Popen(
        [*trial, command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        out, err = running.communicate(timeout=WAIT_S)
    assert (running.returncode, out, err) == (code, last, "")


def test_settings_are_there_without_the_root_command_s_options(trial: list[str]) -> None:
    assert process(*trial, "names", EVCTL_LOG__NAMESPACE="het").stdout == "het.\n"


# --- config


def test_faults_end_with_their_own_code_and_file_and_line(at: Path) -> None:
    (at / "evctl-site.yaml").write_text("site:\n  nmae: HET\n  night_boundary_hour: 25\n")
    result = run("config", "check")
    assert result.exit_code == 78
    assert result.stderr.splitlines()[0] == "evctl: 2 faults in the settings:"
    assert f"{at}/evctl-site.yaml:2: site.nmae: no such option" in result.stderr
    assert f"{at}/evctl-site.yaml:3: site.night_boundary_hour: 25 is not" in result.stderr


def test_check_says_which_file_was_taken(at: Path) -> None:
    (at / "evctl-site.yaml").write_text("site: {name: HET}")
    result = run("config", "check")
    ok = f"ok: {at}/evctl-site.yaml (found in the working directory); options given: 1\n"
    assert result.stdout == ok


def test_check_reads_the_secrets(at: Path) -> None:
    (at / "evctl-site.yaml").write_text("database: {password: {file: gone}}")
    result = run("config", "check")
    assert result.exit_code == 78
    assert "evctl-site.yaml:1: database.password: The secret in file" in result.stderr


def test_show_masks_secrets_and_names_origins(at: Path) -> None:
    env = {"EVCTL_LOG__CLIENT__SASL_PASSWORD": "geheim", "EVCTL_DATABASE__PASSWORD": "geheim"}
    result = run("config", "show", "--origin", env=env)
    assert "geheim" not in result.output
    assert "    sasl.password: '***'  # environment variable EVCTL_LOG__CLIENT" in result.stdout
    assert "  port: 0  # default\n" in result.stdout


def test_copy_writes_a_site_file_that_is_taken(at: Path) -> None:
    assert run("config", "copy", "-t", "new/etc").exit_code == 0
    result = run("config", "check", env={"EVCTL_CONFIG_DIR": "new/etc"})
    assert result.exit_code == 0
    assert f"{at}/new/etc/evctl-site.yaml (found in EVCTL_CONFIG_DIR)" in result.stdout


def test_copy_leaves_an_existing_file_unless_told_otherwise(at: Path) -> None:
    mine, backup = at / "evctl-site.yaml", at / "evctl-site.yaml.bak"
    mine.write_text("mine")
    refused = run("config", "copy")
    assert refused.exit_code == 73
    assert refused.stderr.startswith("evctl: evctl-site.yaml exists and stays as it is")
    assert mine.read_text() == "mine"

    assert run("config", "copy", "-b", "-f").exit_code == 0
    assert backup.read_text() == "mine"
    master = mine.read_text()

    mine.write_text("mine again")
    assert run("config", "copy", "-b").exit_code == 0
    assert backup.read_text() == "mine"
    assert (at / "evctl-site.yaml.bak1").read_text() == "mine again"

    mine.write_text("not worth keeping")
    assert run("config", "copy", "-f").exit_code == 0
    assert mine.read_text() == master
    assert len(list(at.glob("*"))) == 3


def test_copy_says_why_it_cannot_write(at: Path) -> None:
    (at / "file").touch()
    result = run("config", "copy", "-t", "file")
    assert result.exit_code == 73
    assert result.stderr.startswith("evctl: file/evctl-site.yaml can't be written: ")


@pytest.mark.parametrize("words", ["-V", "-h", "config show", "doctor", "tail -h"])
@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_output_that_does_not_arrive_is_said(at: Path, words: str, where: str) -> None:
    to = ">&-" if where == "closed" else f">{where}"
    command = ["sh", "-c", f"exec {EVCTL} {words} {to}"]
    result = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    assert result.returncode == 74, result
    assert re.fullmatch(
        r"evctl: Standard output takes nothing more: .*\. What is there of it is incomplete\.\n",
        result.stderr,
    )


def test_without_any_stream_the_code_still_tells(at: Path) -> None:
    command = ["sh", "-c", f"exec {EVCTL} config show <&- >&- 2>&-"]
    assert subprocess.run(command, cwd=at, check=False).returncode == 74
