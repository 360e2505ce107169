"""Sources of settings lie over one another, and every fault of every source is said at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import Fault, Loaded, SettingsError, SiteFileMissing, load

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def at(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return at


def faults_of(text: str, write: Write, **environ: str) -> list[str]:
    site = write("evctl-site.yaml", text)
    with pytest.raises(SettingsError) as caught:
        load(site, environ=environ, cwd=site.parent)
    return [str(fault).removeprefix(f"{site.parent}/") for fault in caught.value.faults]


def namespace(loaded: Loaded) -> tuple[str, str]:
    return loaded.settings.log.namespace, loaded.sources["log.namespace"]


def test_each_source_lies_over_those_before_it(write: Write, tmp_path: Path) -> None:
    site = write("evctl-site.yaml", "log: {namespace: site}")
    overlay = write("evctl.yaml", "\nlog:\n  namespace: overlay")
    environ = {"EVCTL_LOG__NAMESPACE": "environment"}
    options = {"log.namespace": "option."}

    assert namespace(load(environ={}, cwd=tmp_path / "..")) == ("", "default")
    assert namespace(load(site, environ={}, cwd=tmp_path)) == ("site.", f"{site}:1")
    assert namespace(load(site, overlay, environ={})) == ("overlay.", f"{overlay}:3")
    assert namespace(load(site, overlay, environ=environ)) == (
        "environment.",
        "environment variable EVCTL_LOG__NAMESPACE",
    )
    assert namespace(load(site, overlay, options, environ)) == ("option.", "command line")


def test_an_empty_value_asks_for_the_default(write: Write) -> None:
    site = write("evctl-site.yaml", "log: {namespace: site, client: {a: 1}}\nbroker:")
    overlay = write("over.yaml", "log: {namespace: , client: }")
    loaded = load(site, overlay, environ={})
    assert namespace(loaded) == ("", "default")
    assert loaded.settings.log.client == {}


def test_client_options_are_overridden_one_by_one(write: Write) -> None:
    site = write("evctl-site.yaml", "log:\n  client: {security.protocol: SSL, linger.ms: 5}")
    overlay = write("over.yaml", "log: {client: {linger.ms: 7}}")
    loaded = load(site, overlay, environ={"EVCTL_LOG__CLIENT__CLIENT_ID": "me"})
    client = {"security.protocol": "SSL", "linger.ms": 7, "client.id": "me"}
    assert loaded.settings.log.client_options() == client
    assert loaded.sources["log.client.security.protocol"] == f"{site}:2"
    assert loaded.sources["log.client.linger.ms"] == f"{overlay}:1"


@pytest.mark.parametrize(
    ("environ", "taken", "why"),
    [
        ({}, "evctl-site.yaml", "working directory"),
        ({"OCS_CONFIG_DIR": "ocs"}, "ocs/evctl-site.yaml", "OCS_CONFIG_DIR"),
        ({"OCS_CONFIG_DIR": "of-ocs-alone"}, "evctl-site.yaml", "working directory"),
        ({"EVCTL_CONFIG_DIR": "ours", "OCS_CONFIG_DIR": "ocs"}, "ours/evctl-site.yaml", "EVCTL"),
        ({"EVCTL_CONFIG_DIR": ""}, "evctl-site.yaml", "working directory"),
    ],
)
def test_where_the_site_file_is_looked_for(
    environ: dict[str, str], taken: str, why: str, write: Write, tmp_path: Path
) -> None:
    for place in ("evctl-site.yaml", "ocs/evctl-site.yaml", "ours/evctl-site.yaml"):
        write(place, "site: {name: here}")
    loaded = load(environ=environ, cwd=tmp_path)
    assert loaded.site_file == tmp_path / taken
    assert why in loaded.chosen_by


def test_a_named_site_file_wins_over_every_directory(write: Write, tmp_path: Path) -> None:
    write("evctl-site.yaml", "site: {name: wrong}")
    named = write("night.yaml", "site: {name: right}")
    environ = {"EVCTL_CONFIG_DIR": str(tmp_path)}
    assert load(Path("night.yaml"), environ=environ, cwd=tmp_path).site_file == named


@pytest.mark.parametrize(
    ("named", "environ"), [(Path("gone.yaml"), {}), (None, {"EVCTL_CONFIG_DIR": "gone"})]
)
def test_a_site_file_that_was_asked_for_must_be_there(
    named: Path | None, environ: dict[str, str], write: Write, tmp_path: Path
) -> None:
    write("evctl-site.yaml", "site: {name: never}")
    with pytest.raises(SiteFileMissing, match="gone"):
        load(named, environ=environ, cwd=tmp_path)


def test_no_site_file_at_all_means_the_defaults(tmp_path: Path) -> None:
    loaded = load(environ={}, cwd=tmp_path)
    assert loaded.site_file is None
    assert set(loaded.sources.values()) == {"default"}


def test_a_missing_overlay_is_a_warning(tmp_path: Path) -> None:
    loaded = load(None, Path("evctl.yaml"), environ={}, cwd=tmp_path)
    assert loaded.warnings == (
        f"the overlay {tmp_path}/evctl.yaml (--config) does not exist and is left out",
    )


def test_an_overlay_overrides_only_options_that_exist(write: Write) -> None:
    overlay = write("evctl.yaml", "site:\n  nam: x\n")
    with pytest.raises(SettingsError, match=r"evctl.yaml:2: site.nam: no such option.*site.name"):
        load(None, overlay, environ={}, cwd=overlay.parent)


def test_relative_paths_start_where_they_are_written(write: Write, tmp_path: Path) -> None:
    site = write(
        "etc/evctl-site.yaml",
        "log:\n  data_dir: night\n  client: {ssl.ca.location: ca.pem, sasl.password: {file: pw}}\n"
        "database: {url: 'sqlite:///tables.sqlite'}",
    )
    overlay = write("lay/evctl.yaml", "logging: {file: evctl.log}")
    write("etc/pw", "geheim\nsecond line")
    environ = {"EVCTL_LOGGING__DIRECTORY": "logs"}
    settings = load(site, overlay, environ=environ, cwd=tmp_path).settings
    assert settings.log.data_dir == tmp_path / "etc/night"
    assert settings.database.url == f"sqlite:///{tmp_path}/etc/tables.sqlite"
    assert settings.logging.file == tmp_path / "lay/evctl.log"
    assert settings.logging.directory == tmp_path / "logs"
    client = {"ssl.ca.location": f"{tmp_path}/etc/ca.pem", "sasl.password": "geheim"}
    assert settings.log.client_options() == client


def test_absolute_paths_and_values_that_only_look_like_paths_stay(write: Write) -> None:
    site = write(
        "evctl-site.yaml",
        "log: {data_dir: /night, client: {ssl.ca.location: probe}}\n"
        "database: {url: 'mysql+pymysql://a@b/c'}",
    )
    settings = load(site, environ={}).settings
    assert settings.log.data_dir == Path("/night")
    assert settings.log.client == {"ssl.ca.location": "probe"}
    assert settings.database.url == "mysql+pymysql://a@b/c"


def test_tables_lie_beside_the_log_they_come_from(write: Write) -> None:
    settings = load(write("evctl-site.yaml", "log: {data_dir: /het/log}"), environ={}).settings
    assert settings.database.url == "sqlite:////het/evctl.sqlite"


def test_all_faults_are_said_at_once_with_line_and_what_is_allowed(write: Write) -> None:
    text = """\
site:
  night_boundary_hour: 24
  nmae: HET
log:
  namespace: het site
  namespace: het
  client: {a: {env: X, file: /Y}, b: 1, b: 2}
  schema_registry: http://me:secret@registry
projections:
  batch_size: yes
hub: {}
batch_size: 3
"""
    expected = """\
evctl-site.yaml:3: site.nmae: no such option; did you mean site.name?
evctl-site.yaml:6: log.namespace: given twice, first in line 5; keep one
evctl-site.yaml:7: log.client.b: given twice, first in line 7; keep one
evctl-site.yaml:11: hub: no such section; `evctl config show` lists them all
evctl-site.yaml:12: batch_size: no such section; did you mean projections.batch_size?
environment variable EVCTL_SITE__NAM: site.nam: no such option; did you mean site.name?
evctl-site.yaml:2: site.night_boundary_hour: 24 is not allowed; \
allowed: a whole number, 0 to 23 (hour of the day, UTC)
evctl-site.yaml:5: log.namespace: 'het site' is not allowed; \
allowed: nothing, or words of letters, 0-9, - and _ with dots between (het.)
evctl-site.yaml:7: log.client.a: {'env': 'X', 'file': '/Y'} is not allowed \
(give either env or file); \
allowed: any librdkafka option; secrets as {env: NAME} or {file: PATH} (librdkafka's)
evctl-site.yaml:8: log.schema_registry: 'http://me:secret@registry' is not allowed; \
allowed: http(s)://HOST[:PORT][/PATH] of a Confluent Schema Registry API
environment variable EVCTL_BROKER__PORT: broker.port: 'high' is not allowed; \
allowed: 0 (any free one) to 65535 (TCP port)
evctl-site.yaml:10: projections.batch_size: True is not allowed (not a truth value); \
allowed: a whole number, 1 to 1000000 (events)
"""
    faults = faults_of(text, write, EVCTL_BROKER__PORT="high", EVCTL_SITE__NAM="x")
    assert faults == expected.splitlines()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("site: [", "evctl-site.yaml:1: not YAML: expected the node content"),
        ("- site", "evctl-site.yaml:1: sections are expected here, as `name: value`"),
        ("site: HET", "evctl-site.yaml:1: site: options are expected here, as `name: value`"),
        ("site: {}\nsite: {}", "evctl-site.yaml:2: site: given twice, first in line 1; keep one"),
        ("log: {client: TLS}", "evctl-site.yaml:1: log.client: librdkafka options are expected"),
        ("site: {name: !!python/x y}", "evctl-site.yaml:1: site.name: not a value: "),
        ("site: {name: 2024-13-45}", "evctl-site.yaml:1: site.name: not a value: "),
        ("site: {name: ''}", "evctl-site.yaml:1: site.name: '' is not allowed; allowed: text"),
        ("broker: {linger: .nan}", "evctl-site.yaml:1: broker.linger: nan is not allowed"),
        ("logging: {format: '%(massage)s'}", "evctl-site.yaml:1: logging.format: '%(massage)s'"),
        ("log: {client: {bootstrap.servers: a}}", "evctl-site.yaml:1: log.client: "),
        ("log: {bootstrap_servers: het}", "evctl-site.yaml:1: log.bootstrap_servers: 'het'"),
        ("database: {url: postgres://x}", "evctl-site.yaml:1: database.url: 'postgres://x'"),
    ],
)
def test_one_fault_is_one_sentence_with_its_line(text: str, fault: str, write: Write) -> None:
    (said,) = faults_of(text, write)
    assert said.startswith(fault)


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    site = tmp_path / "evctl-site.yaml"
    site.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"evctl-site.yaml: can't be read"):
        load(site, environ={})


@pytest.mark.parametrize("name", ["", "het", "het.", "a.b-c_d.9"])
def test_a_namespace_gets_its_last_dot(name: str) -> None:
    settings = load(options={"log.namespace": name}, environ={}).settings
    assert settings.log.namespace == (f"{name.removesuffix('.')}." if name else "")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_no_text_of_a_site_file_makes_anything_but_settings_or_faults(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    site = tmp_path_factory.mktemp("any") / "evctl-site.yaml"
    site.write_text(text, encoding="utf-8", newline="")
    faults: tuple[Fault, ...] = ()
    try:
        assert set(load(site, environ={}).sources.values()) == {"default"}
    except SettingsError as error:
        faults = error.faults
    assert all(fault.where.startswith(str(site)) for fault in faults)


@pytest.mark.parametrize(
    ("environ", "meant"),
    [
        ({"EVCTL_LOG__FOO": "1"}, "log.foo: no such option; `evctl config show` lists them all"),
        ({"EVCTL_LOG__DATADIR": "x"}, "log.datadir: no such option; did you mean log.data_dir?"),
    ],
)
def test_a_variable_of_no_option_is_likened_to_options(environ: dict[str, str], meant: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(environ=environ)
    (fault,) = raised.value.faults
    assert str(fault).endswith(meant)


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_tables_in_memory_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="what is in memory is gone when the command ends"):
        load(options={"database.url": url}, environ={})
