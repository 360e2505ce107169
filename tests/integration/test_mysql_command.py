"""`evctl mysql`: a throw-away server from nothing to nothing, and the key for a site's table."""

import os
import re
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest
import yaml
from typer.testing import CliRunner

from infra.cli import app
from infra.clock import utc_micros
from infra.mysql import local
from infra.observation_numbers import open_numbers
from infra.settings import load
from schemas.nights import observing_date
from tests.database_servers import MariaDBServer
from tests.docker_engine import engine
from tests.e2e.stage import Stage
from tests.waiting import until


@pytest.fixture
def site(tmp_path: Path, mariadb_server: MariaDBServer) -> Iterator[Stage]:
    """A site that nothing is started for; it needs MariaDB's programs on this machine."""
    stage = Stage(tmp_path)
    try:
        yield stage
    finally:
        stage.evctl("mysql", "down")
        assert stage.processes() == []


def test_a_throw_away_server_comes_serves_and_leaves_nothing(site: Stage) -> None:
    before = set(site.folder.iterdir())
    assert "no throw-away server evctl-mysql" in site.done("mysql", "down")
    assert site.evctl("mysql", "info").code == 66

    day_before = observing_date(utc_micros())
    started = site.evctl("mysql", "up", "--local")
    assert started.code == 0, started
    assert started.sentence.startswith("started: server evctl-mysql at 127.0.0.1:")
    with site.site_file.open("a", encoding="utf-8") as file:
        file.write(started.out)  # pasted as it is
    password = load(site.site_file, environ={}).settings.mysql.password
    assert password is not None
    assert stat.S_IMODE(Path(str(password.file)).stat().st_mode) == 0o600

    with connection(started.out) as database, database.cursor() as cursor:
        cursor.execute("DROP TABLE vl_obsnum")  # as if `up` had been killed before it was made
    again = site.evctl("mysql", "up", "--local")
    assert (again.code, again.out) == (0, started.out)
    assert again.sentence.startswith("runs already: ")
    assert site.done("mysql", "info", "--yaml") == started.out
    said = site.done("mysql", "info")
    days = {day_before, observing_date(utc_micros())}  # midnight may have passed
    assert any(f"vl_obsnum  1 row, the latest of {day}" in said for day in days)
    assert str(yaml.safe_load(started.out)["mysql"]["port"]) in said

    assert re.search("ok    observation numbers: .*without a unique key", site.done("doctor"))
    assert "is there already" in site.done("mysql", "migrate", "--create")
    assert "has the unique key now: evctl_obsdate_obsnum" in site.done("mysql", "migrate")
    assert "has a unique key already: evctl_obsdate_obsnum" in site.done("mysql", "migrate")

    directory = site.folder / "throw-away-evctl-mysql"
    killed(directory)
    assert site.evctl("mysql", "info").code == 66
    again = site.evctl("mysql", "up", "--local")
    assert (again.code, but_for_port(again.out)) == (0, but_for_port(started.out))
    assert again.sentence.startswith("started again, with what it had")
    text = site.site_file.read_text(encoding="utf-8")  # its port may have been taken meanwhile
    site.site_file.write_text(text.replace(started.out, again.out), encoding="utf-8")
    assert "has a unique key already: evctl_obsdate_obsnum" in site.done("mysql", "migrate")
    killed(directory)
    (directory / "data" / "ibdata1").write_bytes(b"altered")
    broken = site.evctl("mysql", "up", "--local")
    assert broken.code == 69
    assert "(`evctl mysql down` throws that away); it said:" in broken.err
    assert (directory / "password").exists()
    assert "nothing of evctl-mysql is left" in site.done("mysql", "down")
    assert set(site.folder.iterdir()) == before
    assert "throw-away-evctl-mysql/password can't be read" in site.evctl("mysql", "migrate").err


def connection(settings: str) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """Return a connection to the server of the settings that `up` printed."""
    given = yaml.safe_load(settings)["mysql"]
    password = Path(given.pop("password")["file"]).read_text(encoding="utf-8").strip()
    return pymysql.connect(**given, password=password)


def but_for_port(settings: str) -> str:
    """Return the settings that `up` printed without the port, which anybody may take."""
    return re.sub(r"port: \d+", "port: …", settings)


def killed(directory: Path) -> None:
    """Kill the server of a directory, as a power cut would."""
    for process in local.processes(directory):
        os.kill(process, signal.SIGKILL)
    until(lambda: not local.processes(directory))


def test_a_killed_start_leaves_what_down_removes_an_ended_one_nothing(
    site: Stage,
) -> None:
    directory = site.folder / "throw-away-evctl-mysql"
    starting = site.start("mysql", "up", "--local")
    until(lambda: bool(local.processes(directory)))
    starting.send_signal(signal.SIGKILL)
    starting.communicate()
    assert "nothing of evctl-mysql is left" in site.done("mysql", "down")
    assert not directory.exists()

    ending = site.start("mysql", "up", "--local")
    until(lambda: bool(local.processes(directory)))
    ending.send_signal(signal.SIGTERM)
    ending.communicate()
    assert not directory.exists()


def test_a_directory_that_is_none_of_ours_is_left_alone(site: Stage) -> None:
    directory = site.folder / "throw-away-mine"
    directory.mkdir()
    (directory / "thesis.tex").touch()
    for verb in ("up", "down"):
        refused = site.evctl("mysql", verb, "-c", "mine")
        assert refused.code == 73
        assert "is no directory of a throw-away server" in refused.sentence
    assert (directory / "thesis.tex").exists()
    assert site.evctl("mysql", "up", "-c", "a/b").code == 78
    nowhere = site.also("nowhere", log={"data_dir": f"{site.site_file}/log/x"})
    assert [nowhere.evctl("mysql", verb).code for verb in ("up", "migrate")] == [73, 77]
    (directory / "thesis.tex").unlink()


def evctl(site: Stage, *words: str) -> tuple[int, str]:
    """Run a command in this process."""
    result = CliRunner().invoke(app, ["--site-file", str(site.site_file), *words])
    return result.exit_code, result.stderr


def test_docker_says_what_it_lacks(site: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{site.folder}/nobody")
    refused = site.evctl("mysql", "up", "--docker")
    assert refused.code == 69
    assert refused.sentence.startswith("evctl: No Docker engine does it: ")
    monkeypatch.setitem(sys.modules, "docker", None)
    code, said = evctl(site, "mysql", "up", "--docker")
    assert code == 69
    assert said == (
        "evctl: evctl mysql up --docker needs the Docker SDK for Python, which is not installed: "
        "`pip install 'evctl[docker]'` brings it. With --local, a mariadbd of this machine "
        "serves.\n"
    )
    monkeypatch.setattr(local, "_PATH", "")
    code, said = evctl(site, "mysql", "up")
    assert code == 69
    assert said.startswith("evctl: mariadbd is not installed, and no Docker engine was found ")


def test_a_container_comes_serves_and_leaves_with_its_volumes(
    site: Stage, mariadb_server: MariaDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(mariadb_server) as docker:
        monkeypatch.setenv("DOCKER_HOST", docker.address)
        docker.add("theirs", {"evctl.throw-away": "/elsewhere/throw-away-theirs"})
        refused = site.evctl("mysql", "up", "-c", "theirs")
        assert (refused.code, "is not of this site" in refused.sentence) == (73, True)
        assert "no throw-away server theirs" in site.done("mysql", "down", "-c", "theirs")

        started = site.evctl("mysql", "up")
        assert started.code == 0, started
        assert yaml.safe_load(started.out)["mysql"]["port"] == mariadb_server.port
        assert site.evctl("mysql", "up").sentence.startswith("runs already: container evctl-mysql")
        said = site.done("mysql", "info")
        assert "name       evctl-mysql, a container" in said
        assert "172.17.0.2:3306 in the engine's network" in said

        docker.containers["evctl-mysql"]["State"]["Status"] = "exited"
        assert site.evctl("mysql", "info").code == 66
        again = site.evctl("mysql", "up", "--local")
        assert (again.code, again.out) == (0, started.out)
        assert again.sentence.startswith("started again, with what it had: container evctl-mysql")
        del docker.containers["evctl-mysql"]
        forget(mariadb_server)
        again = site.evctl("mysql", "up")
        assert again.sentence.startswith("started anew, since nothing is left of what the one ")

        assert "nothing of evctl-mysql is left" in site.done("mysql", "down")
        assert [query["v"] for query in docker.removed] == [["True"]]
        assert list(docker.containers) == ["theirs"]
    forget(mariadb_server)


def forget(server: MariaDBServer) -> None:
    """Remove what the engine's container had, which stands on this server."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE evctl_throw_away")
        cursor.execute("DROP USER evctl")


def test_the_settings_name_all_of_a_server_or_none(site: Stage) -> None:
    half = site.also("half", mysql={"host": "127.0.0.1", "database": "x"})
    refused = half.evctl("mysql", "migrate")
    assert (refused.code, "mysql.host is set and mysql.user is not" in refused.err) == (78, True)
    assert "has a unique key already" in site.done("mysql", "migrate")  # SQLite's own
    with closing(open_numbers(site.settings)) as database, database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    assert (site.folder / "observation-numbers.sqlite").exists()
