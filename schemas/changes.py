"""What changed from one version of an event to another, field by field, in people's words."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.avro import Schema
from schemas.differences import said
from schemas.resolving import source_of


def changes(old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    """Yield field and change, in the order of the new version; what is gone comes last.

    The field of an empty name is the event itself.
    """
    if old.get("doc") != new.get("doc"):
        yield "", f"described as {new.get('doc')!r} instead of {old.get('doc')!r}"
    kept = set()
    for field in new["fields"]:
        before = source_of(field, new, old)
        if before is None:
            yield field["name"], f"new, {_type(field)}; {_older(field)}"
            continue
        kept.add(before["name"])
        for change in _field(before, field):
            yield field["name"], change
    if [name for name in _names(old) if name in _names(new)] != [
        name for name in _names(new) if name in _names(old)
    ]:
        yield "", "fields in another order"
    for field in old["fields"]:
        if field["name"] not in kept:
            yield field["name"], f"retired; {_still(field)}"


def _field(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["name"] != new["name"]:
        yield f"was {old['name']}"
    if said(_plain(old)) != said(_plain(new)):
        widened = old["type"] == "long" and "widened" in new
        rest = "; programs of before read it rounded" if widened else ""
        yield f"{said(_plain(old))} became {said(_plain(new))}{rest}"
    for what in ("unit", "doc"):
        if old.get(what) != new.get(what):
            yield f"{what} {_or_none(new.get(what))} instead of {_or_none(old.get(what))}"
    if _logical(old) != _logical(new):
        yield f"a {_or_none(_logical(new))} instead of a {_or_none(_logical(old))}"
    if old.get("default", _NONE) != new.get("default", _NONE):
        yield f"default {_default(new)} instead of {_default(old)}"


_NONE = object()


def _older(field: Mapping[str, Any]) -> str:
    if "default" not in field:
        return "records of before do not have it and it has no default"
    return f"records of before read as {_default(field)}"


def _still(field: Mapping[str, Any]) -> str:
    if "default" not in field:
        return "it had no default, so that programs of before can't read records without it"
    return f"programs of before read {_default(field)}"


def _names(schema: Schema) -> list[str]:
    return [field["name"] for field in schema["fields"]]


def _type(field: Mapping[str, Any]) -> str:
    unit = f" in {field['unit']}" if "unit" in field else ""
    return f"{said(_plain(field))}{unit}"


def _plain(field: Mapping[str, Any]) -> Schema:
    kind = field["type"]
    return kind["type"] if isinstance(kind, dict) and "logicalType" in kind else kind


def _logical(field: Mapping[str, Any]) -> str | None:
    kind = field["type"]
    return kind.get("logicalType") if isinstance(kind, dict) else None


def _default(field: Mapping[str, Any]) -> str:
    return repr(field["default"]) if "default" in field else "none"


def _or_none(text: str | None) -> str:
    return "none" if text is None else text
