"""`evctl doctor` finds what is wrong, says the mend, and starts nothing."""

import re
import sqlite3
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.broker import control
from infra.cli import app
from infra.database import ViewStore, connect
from projections import views
from schemas.nights import NamedBy, Nights


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(site: str = "", **environ: str) -> Result:
    Path("evctl-site.yaml").write_text(site, encoding="utf-8")
    return CliRunner().invoke(app, ["doctor"], env=environ, prog_name="evctl")


def test_a_fresh_machine_is_fine_and_stays_as_it_is(at: Path) -> None:
    result = doctor()
    assert result.exit_code == 0
    assert "FAIL" not in result.stdout
    for fact in (
        r"ok    python: 3\.\d+",
        r"ok    packages: evctl .*confluent-kafka .*librdkafka \d",
        rf"ok    site file: {at}/evctl-site.yaml \(found in the working directory\)",
        rf"ok    data directory: {at}/data/evctl/log will be made",
        r"ok    log: embedded, not running",
        rf"ok    database: SQLite \S+; {at}/data/evctl/evctl.sqlite will be made",
    ):
        assert re.search(fact, result.stdout), fact
    assert [path.name for path in at.iterdir()] == ["evctl-site.yaml"]


def test_a_running_log_and_its_tables_are_asked(at: Path) -> None:
    directory = at / "log"
    control.start(directory, linger_s=30)
    try:
        sqlite3.connect(at / "evctl.sqlite").execute("CREATE TABLE t (x)").connection.close()
        result = doctor("log: {data_dir: log, namespace: het}")
    finally:
        control.stop(directory)
    assert result.exit_code == 0
    assert f"ok    data directory: {directory} exists" in result.stdout
    answers = r"ok    log: 127.0.0.1:\d+ answers; brokers: 1, topics with prefix het.: 0"
    assert re.search(answers, result.stdout)
    assert f"{at}/evctl.sqlite, tables: 1" in result.stdout


def test_a_mocked_time_is_told_and_where_it_counts(at: Path) -> None:
    mock_time = "dates: {mock_time: 2017-11-18T18:00:00}"
    lost = doctor(mock_time).stdout
    assert "warn  mock time: dates.mock_time is 2017-11-18T18:00:00, and the site's own" in lost
    counts = doctor(f"{mock_time}\nlog: {{namespace: mock.first}}").stdout
    assert "ok    mock time: 2017-11-18T18:00:00, for those who decide in the namespace" in counts


def test_a_data_directory_that_others_can_read_is_a_warning(at: Path) -> None:
    (at / "log").mkdir(mode=0o755)
    result = doctor("log: {data_dir: log}")
    assert result.exit_code == 0
    assert "warn  data directory: " in result.stdout
    assert f"chmod 700 {at}/log" in result.stdout


@pytest.mark.parametrize(
    ("site", "line"),
    [
        ("site: {nmae: x}", "settings: .*evctl-site.yaml:1: site.nmae: no such option"),
        ("log: {data_dir: evctl-site.yaml/log}", "data directory: .* can't be written to"),
        ("broker: {free_space_floor: 900000 TB}", "free space: .* free; records are refused below"),
        ("log: {bootstrap_servers: '127.0.0.1:1'}", "log: The log at 127.0.0.1:1 does not answer"),
        (
            "log: {bootstrap_servers: '127.0.0.1:1', client: {nonsense: 1}}",
            'log: log.client.nonsense: No such configuration property: "nonsense"',
        ),
        ("log: {client: {sasl.password: {env: GONE}}}", "log.client.sasl.password: The secret in"),
        ("database: {url: 'sqlite:///evctl-site.yaml'}", "database: .* can't be read: file is not"),
        (
            "database: {url: 'mysql+pymysql://u:geheim@127.0.0.1:1/d'}",
            r"database: mysql\+pymysql://u:\*\*\*@127.0.0.1:1/d does not answer: ",
        ),
        (
            "mysql: {host: 127.0.0.1, port: 1, database: d, user: u}",
            r"observation numbers: The database mysql\+pymysql://u@127.0.0.1:1/d does not answer",
        ),
    ],
)
def test_what_is_wrong_fails_with_its_mend(site: str, line: str, at: Path) -> None:
    result = doctor(site)
    assert result.exit_code == 1
    assert re.search(rf"^FAIL  {line}.*\n      \w", result.stdout, re.MULTILINE)
    assert "geheim" not in result.output
    assert result.stderr == ""


def test_a_secret_in_plain_text_is_a_warning(at: Path) -> None:
    result = doctor("log: {client: {sasl.password: geheim}}")
    assert "warn  log.client.sasl.password: a secret in plain text\n" in result.stdout
    assert "geheim" not in result.output


def test_a_site_file_that_is_not_there_fails(at: Path) -> None:
    result = doctor(EVCTL_CONFIG_DIR=str(at / "gone"))
    assert result.exit_code == 1
    assert re.search(r"^FAIL  site file: There is no site file .*gone", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("on", ["sqlite_url", "mariadb_url"])
def test_a_locked_setting_that_was_changed_fails(
    at: Path, on: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(on)
    site = f"log: {{data_dir: {at}/log, namespace: het}}\ndatabase: {{url: '{url}'}}\n"
    database = connect(url)
    for name in ("night_index", "tcs_latest"):
        store = ViewStore(database, views(Nights(18, NamedBy.END))[name], "het.")
        store.create()
        store.take("het.observatory", 0, "id")
    database.close()
    result = doctor(site)
    assert "ok    tables: views with rows of these settings: 2\n" in result.stdout
    result = doctor(f"{site}site: {{night_boundary_hour: 12}}\n")
    assert result.exit_code == 1
    assert re.search(
        r"^FAIL  tables: the rows of night_index were made under other settings .*\n"
        r"      Put site.night_boundary_hour .* back, .* `evctl rebuild night_index`\.$",
        result.stdout,
        re.MULTILINE,
    )


def test_addresses_of_zeromq_need_pyzmq(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = "urls: {event_urls: 'tcp://127.0.0.1:5556'}"
    assert re.search(r"ok    zeromq: pyzmq \d", doctor(site).stdout)
    monkeypatch.setitem(sys.modules, "zmq", None)
    result = doctor(site)
    assert result.exit_code == 1
    assert "FAIL  zeromq: pyzmq is missing, and urls names addresses of ZeroMQ" in result.stdout
    assert "zeromq:" not in doctor().stdout
