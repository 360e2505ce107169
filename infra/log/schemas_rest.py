"""Schemas in an external registry, by the REST API of Confluent's (Karapace and Apicurio have it).

The registry hands out the ids and numbers the versions of a subject in the order of their coming.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import urllib3

from infra.log.cluster import RegistryAddress
from infra.log.errors import RegistryRefused, RegistryUnavailable
from infra.log.schema_store import Entry
from schemas.avro import Schema

_TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
_RETRY = urllib3.Retry(
    total=3,
    backoff_factor=0.2,  # s, twice as long each time
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,  # to register twice is no harm
    raise_on_status=False,
)
_MEDIA = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND = 404
_CONTENT = {"Content-Type": _MEDIA}


class RestSchemas:
    """A Schema Registry at an address."""

    def __init__(self, address: RegistryAddress) -> None:
        self.name = address.url
        headers = {"Accept": f"{_MEDIA}, application/json"}
        if address.user:
            login = f"{address.user}:{address.password}"
            headers.update(urllib3.make_headers(basic_auth=login))
        self._pool = urllib3.PoolManager(
            headers=headers, timeout=_TIMEOUT, retries=_RETRY, ca_certs=address.ca
        )

    def open(self) -> None:
        """Ask for what every registry knows; raise `RegistryUnavailable` or `RegistryRefused`."""
        self._get("schemas", "types")

    def fetched(self) -> None:
        """Do nothing: each id is a question of its own."""

    def find(self, number: int) -> Schema | None:
        """Return the schema of an id; none if the registry has none, or not one of Avro."""
        found = self._get("schemas", "ids", number)
        return None if found is None else _avro(found)

    def add(self, subject: str, versions: Sequence[Schema]) -> int:
        """Return the id of the last version; where the subject lacks it, all are registered."""
        known = self._known(subject, versions[-1])
        if known is not None:
            return known
        path, numbers = ("subjects", subject, "versions"), []
        for schema in versions:
            answer = self._call("POST", path, _text(schema))
            numbers.append(int(self._content(answer, path)["id"]))
        return numbers[-1]

    def keep(self, subject: str, version: int, schema: Schema) -> int:  # noqa: ARG002
        """Return the id of a version, which is numbered by the registry."""
        return self.add(subject, [schema])

    def entries(self) -> Iterator[Entry]:
        """Yield every version of every subject of Avro; a request for each."""
        for subject in self._get("subjects") or ():
            for version in self._get("subjects", subject, "versions") or ():
                found = self._get("subjects", subject, "versions", version)
                schema = None if found is None else _avro(found)
                if schema is not None:
                    yield Entry(subject, int(version), int(found["id"]), schema)

    def _known(self, subject: str, schema: Schema) -> int | None:
        answer = self._call("POST", ("subjects", subject), _text(schema))
        if answer.status == _NOT_FOUND:
            return None
        return int(self._content(answer, ("subjects", subject))["id"])

    def _get(self, *path: object) -> Any:
        answer = self._call("GET", path)
        return None if answer.status == _NOT_FOUND else self._content(answer, path)

    def _call(
        self, method: str, path: Sequence[object], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        headers = {**self._pool.headers, **(_CONTENT if body else {})}
        try:
            return self._pool.request(method, self._url(path), body=body, headers=headers)
        except urllib3.exceptions.HTTPError as fault:
            reason = getattr(fault, "reason", None) or fault
            raise RegistryUnavailable(self.name, str(reason)) from fault

    def _content(self, answer: urllib3.BaseHTTPResponse, path: Sequence[object]) -> Any:
        try:
            content = json.loads(answer.data)
        except ValueError:
            content = None
        if answer.status >= 400 or content is None:
            said = content.get("message") if isinstance(content, dict) else None
            text = said or answer.reason or "its answer is not JSON"
            if answer.status >= 500:
                raise RegistryUnavailable(self.name, f"{answer.status} {text}")
            raise RegistryRefused(self._url(path), answer.status, text)
        return content

    def _url(self, path: Sequence[object]) -> str:
        return "/".join([self.name.rstrip("/"), *(quote(str(word), safe="") for word in path)])


def _text(schema: Schema) -> bytes:
    return json.dumps({"schema": json.dumps(schema, separators=(",", ":"))}).encode()


def _avro(found: Mapping[str, Any]) -> Schema | None:
    """Return the schema in an answer; none where it is of another kind, such as JSON Schema."""
    return json.loads(found["schema"]) if found.get("schemaType", "AVRO") == "AVRO" else None
