"""Secrets are read where they lie, when they are used, and shown nowhere."""

from pathlib import Path

import pytest
import yaml

from infra.settings import Secret, SecretMissing, SettingsError, load
from infra.settings.rendering import as_yaml, secrets
from infra.settings.secret import without_password


def test_a_secret_is_the_variable_or_the_first_line_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("geheim\nnot this\n")
    assert Secret(file=file).reveal({}) == "geheim"
    assert Secret(env="PW").reveal({"PW": "geheim"}) == "geheim"


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(SecretMissing, match="environment variable PW can't be read: it is not set"):
        Secret(env="PW").reveal({})
    with pytest.raises(SecretMissing, match="No such file"):
        Secret(file=tmp_path / "gone").reveal({})
    with pytest.raises(SecretMissing, match="first line is empty"):
        Secret(file=empty).reveal({})


def test_nothing_that_is_shown_holds_a_secret(tmp_path: Path) -> None:
    site = tmp_path / "evctl-site.yaml"
    site.write_text(
        "log: {client: {sasl.password: geheim, ssl.key.pem: geheim, oauth: {env: GEHEIM}}}\n"
        "database: {url: 'mysql+pymysql://u:geheim@h/d', password: {file: geheim}}\n"
    )
    loaded = load(site, environ={})
    shown = as_yaml(loaded, origin=True)
    assert "geheim" not in shown.lower()
    assert shown.count("***") == 5
    assert len(list(secrets(loaded.settings))) == 2


def test_a_fault_in_a_secret_does_not_show_it(tmp_path: Path) -> None:
    site = tmp_path / "evctl-site.yaml"
    site.write_text("database: {password: geheim, url: 'mysql://u:geheim@h/d'}")
    with pytest.raises(SettingsError) as caught:
        load(site, environ={})
    assert len(caught.value.faults) == 2
    assert "geheim" not in str(caught.value)


def test_a_secret_given_in_a_variable_stays_there() -> None:
    environ = {"EVCTL_DATABASE__PASSWORD": "geheim", "EVCTL_LOG__CLIENT__SASL_PASSWORD": "auch"}
    settings = load(environ=environ).settings
    assert "geheim" not in repr(settings)
    assert settings.database.password is not None
    assert settings.database.password.reveal(environ) == "geheim"
    assert settings.log.client["sasl.password"] == Secret(env="EVCTL_LOG__CLIENT__SASL_PASSWORD")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql+pymysql://u:p@h/d", "mysql+pymysql://u:***@h/d"),
        (
            "mysql+pymysql://u:p/q@r@h/d?password=p&a=b",
            "mysql+pymysql://u:***@h/d?password=***&a=b",
        ),
        ("mysql+pymysql://u@h:3306/d", "mysql+pymysql://u@h:3306/d"),
        ("sqlite:////night:a@b/c", "sqlite:////night:a@b/c"),
    ],
)
def test_the_password_of_an_address_is_masked(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_what_is_shown_can_be_read_back(tmp_path: Path) -> None:
    first = load(options={"log.namespace": "het", "log.client.linger.ms": 5}, environ={})
    again = tmp_path / "shown.yaml"
    again.write_text(as_yaml(first, origin=True))
    assert yaml.safe_load(again.read_text())["log"]["client"] == {"linger.ms": 5}
    assert load(again, environ={}).settings == first.settings
