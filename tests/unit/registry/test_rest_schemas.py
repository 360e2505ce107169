"""A schema registry that answers as Confluent's API says, and what is made of its answers."""

import json
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.node import free_port
from infra.log.cluster import Cluster, RegistryAddress, registry_address
from infra.log.errors import RegistryRefused, RegistryUnavailable, UnknownSchema
from infra.log.registry import Registry
from infra.log.schemas_rest import RestSchemas
from infra.settings import load
from schemas.avro import schema_of
from schemas.events.ticks import TimePassed
from schemas.record import Position
from tests.registry_servers import Asked, answering
from tests.unit.schemas.three_versions import SKY, program

HERE = Position("observatory", 0, 7)
PEM = Path(__file__).with_name("loopback.pem")
"""Key and certificate of 127.0.0.1, for these tests only (EC, valid for a hundred years)."""

NOT_FOUND = 404, {"error_code": 40403, "message": "Schema not found"}


class Confluent:
    """The part of Confluent's API that we use, by its documentation, with nothing kept at first."""

    def __init__(self) -> None:
        self.schemas: list[str] = []
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> tuple[int, Any]:
        self.asked.append(asked)
        words = asked.path.strip("/").split("/")
        found = self._get(words) if asked.method == "GET" else self._post(words, asked.body)
        return found or (405, {"error_code": 405, "message": "HTTP 405 Method Not Allowed"})

    def _get(self, words: list[str]) -> tuple[int, Any] | None:
        match words:
            case ["schemas", "types"]:
                return 200, ["JSON", "PROTOBUF", "AVRO"]
            case ["schemas", "ids", number]:
                return self._by_id(int(number))
            case ["subjects"]:
                return 200, list(self.subjects)
            case ["subjects", subject, "versions"]:
                return 200, list(range(1, len(self.subjects[subject]) + 1))
            case ["subjects", subject, "versions", version]:
                kept = self.subjects[subject][int(version) - 1]
                return 200, {"id": kept, "schema": self.schemas[kept - 1]}
        return None

    def _by_id(self, number: int) -> tuple[int, Any]:
        if number == 900:
            return 200, {"schemaType": "JSON", "schema": "{}"}
        known = number <= len(self.schemas)
        return (200, {"schema": self.schemas[number - 1]}) if known else NOT_FOUND

    def _post(self, words: list[str], body: Any) -> tuple[int, Any] | None:
        match words:
            case ["subjects", subject]:
                known = body["schema"] in self.schemas
                if not known or self._id(body) not in self.subjects.get(subject, ()):
                    return NOT_FOUND
                return 200, {"subject": subject, "id": self._id(body)}
            case ["subjects", subject, "versions"]:
                versions = self.subjects.setdefault(subject, [])
                if self._id(body) not in versions:
                    versions.append(self._id(body))
                return 200, {"id": self._id(body)}
        return None

    def _id(self, body: Any) -> int:
        if body["schema"] not in self.schemas:
            self.schemas.append(body["schema"])
        return self.schemas.index(body["schema"]) + 1


def registry_at(url: str) -> Registry:
    """Return a registry of schemas; the log itself is not asked for anything."""
    return Registry(Cluster("127.0.0.1:1", "", {}, registry=RegistryAddress(url)), program(3))


def test_all_versions_are_registered_in_their_order_and_then_never_again() -> None:
    confluent = Confluent()
    with answering(confluent) as place:
        number = registry_at(f"http://{place}").register_event(SKY[2])
        posted = len(confluent.asked)

        assert number == 3
        assert registry_at(f"http://{place}/").register_event(SKY[2]) == number
        assert RestSchemas(RegistryAddress(f"http://{place}")).find(2) == schema_of(SKY[1])
        entries = list(RestSchemas(RegistryAddress(f"http://{place}")).entries())

    assert [(entry.version, entry.id) for entry in entries] == [(1, 1), (2, 2), (3, 3)]
    assert [entry.schema for entry in entries] == [schema_of(cls) for cls in SKY]
    again = [asked.path for asked in confluent.asked[posted:] if asked.method == "POST"]
    assert again == ["/subjects/evctl.SkyMeasured"]


def test_an_id_is_asked_for_once_whether_it_is_known_or_not() -> None:
    confluent = Confluent()
    with answering(confluent) as place:
        registry = registry_at(f"http://{place}")
        confluent.schemas.append(json.dumps(schema_of(TimePassed)))
        for _ in range(3):
            assert registry.schema(1, HERE) == schema_of(TimePassed)
            with pytest.raises(
                UnknownSchema, match=rf"schema 4, .* in the registry http://{place}"
            ):
                registry.schema(4, HERE)
            with pytest.raises(UnknownSchema, match="schema 900, "):  # JSON Schema, not Avro
                registry.schema(900, HERE)

    paths = [asked.path for asked in confluent.asked]
    assert paths == ["/schemas/types", "/schemas/ids/1", "/schemas/ids/4", "/schemas/ids/900"]


def test_after_more_records_were_read_what_was_unknown_is_asked_for_again() -> None:
    confluent = Confluent()
    with answering(confluent) as place:
        registry = registry_at(f"http://{place}")
        with pytest.raises(UnknownSchema):
            registry.schema(1, HERE)
        confluent.schemas.append(json.dumps(schema_of(TimePassed)))
        with pytest.raises(UnknownSchema):
            registry.schema(1, HERE)
        registry.fetched()

        assert registry.schema(1, HERE) == schema_of(TimePassed)


def test_a_foreign_subject_is_one_segment_of_the_path() -> None:
    confluent = Confluent()
    schema = {"type": "record", "name": "sky/a b", "fields": []}
    with answering(confluent) as place:
        store = RestSchemas(RegistryAddress(f"http://{place}/apis/ccompat/v7"))
        with pytest.raises(RegistryRefused, match=r"\(405\): HTTP 405 Method Not Allowed; is log"):
            store.add("sky/a b", [schema])

    assert confluent.asked[0].path == "/apis/ccompat/v7/subjects/sky%2Fa%20b"


@pytest.mark.parametrize(
    ("status", "code", "mend"),
    [
        (401, 77, "mend log.schema_registry_user"),
        (403, 77, "let the user"),
        (409, 65, "`evctl schema check` names the field"),
        (422, 65, "is log.schema_registry the address of its Confluent API"),
    ],
)
def test_what_a_registry_refuses_is_told_with_its_reason(status: int, code: int, mend: str) -> None:
    said = rf"refused .*\({status}\): No\.; {mend}"
    with (
        answering(lambda _: (status, {"message": "No."})) as place,
        pytest.raises(RegistryRefused, match=said) as told,
    ):
        RestSchemas(RegistryAddress(f"http://{place}")).open()

    assert told.value.exit_code == code


def test_a_page_that_is_not_json_is_no_registry() -> None:
    with (
        answering(lambda _: (200, b"<html>")) as place,
        pytest.raises(RegistryRefused, match=r"\(200\): OK; is log\.schema_registry the address"),
    ):
        RestSchemas(RegistryAddress(f"http://{place}")).open()


def test_one_that_is_busy_is_asked_again() -> None:
    statuses = [503, 502, 200]
    with answering(lambda _: (statuses.pop(0), ["AVRO"])) as place:
        RestSchemas(RegistryAddress(f"http://{place}")).open()

    assert statuses == []


def test_one_that_fails_is_no_verdict_on_an_id_and_does_not_touch_what_is_known() -> None:
    confluent = Confluent()
    confluent.schemas += [json.dumps(schema_of(TimePassed)), json.dumps(schema_of(SKY[0]))]
    well = True
    with answering(
        lambda asked: confluent(asked) if well else (503, {"message": "Soon."})
    ) as place:
        registry = registry_at(f"http://{place}")
        registry.schema(1, HERE)
        well = False

        assert registry.schema(1, HERE) == schema_of(TimePassed)
        with pytest.raises(RegistryUnavailable, match=r"does not answer: 503 Soon\."):
            registry.schema(2, HERE)
        well = True
        assert registry.schema(2, HERE) == schema_of(SKY[0])


def test_one_that_is_not_there_is_told_with_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(
        RegistryUnavailable, match=f"schema registry at {url} does not answer: .*refu"
    ):
        RestSchemas(RegistryAddress(url)).open()


def test_user_password_and_authority_come_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    (tmp_path / "evctl-site.yaml").write_text(
        "log: {schema_registry: 'https://registry:8081/x', schema_registry_user: evctl,\n"
        "  schema_registry_password: {file: password}, schema_registry_ca: ca.pem}\n"
    )

    address = registry_address(load(tmp_path / "evctl-site.yaml", environ={}).settings)

    ca = str(tmp_path / "ca.pem")
    assert address == RegistryAddress("https://registry:8081/x", "evctl", "geheim", ca)
    assert "geheim" not in repr(address)


def test_a_login_goes_with_each_request_over_tls_that_our_authority_signed() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    logins = []

    def answer(asked: Asked) -> tuple[int, Any]:
        logins.append(asked.login)
        return 200, ["AVRO"]

    with answering(answer, lambda plain: context.wrap_socket(plain, server_side=True)) as place:
        RestSchemas(RegistryAddress(f"https://{place}", "me", "pw", str(PEM))).open()
        with pytest.raises(RegistryUnavailable, match=r"does not answer: .*certificate"):
            RestSchemas(RegistryAddress(f"https://{place}", "me", "pw")).open()

    assert logins == [f"Basic {b64encode(b'me:pw').decode()}"]
