"""Events as plain data and back: records inside them are dataclasses here, and dicts there."""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, make_dataclass
from functools import cache
from operator import attrgetter, itemgetter
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

Convert: TypeAlias = Callable[[Any], Any]


@cache
def to_plain(cls: type) -> Callable[[Any], dict[str, Any]]:
    """Return what makes a dict of an instance's fields, the records in them dicts as well."""
    names = tuple(field.name for field in fields(cls))
    inner = tuple(_of_fields(cls, to_plain))
    read_one = attrgetter(*names)
    read = (lambda event: (read_one(event),)) if len(names) == 1 else read_one

    def take(event: Any) -> dict[str, Any]:
        found = dict(zip(names, read(event)))  # noqa: B905 (equal by construction, and 0.1 µs)
        for name, convert in inner:
            found[name] = convert(found[name])
        return found

    return take


@cache
def from_plain(cls: type) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes a frozen, slotted dataclass of its fields, in a quarter of the time.

    Its own `__init__` goes through `object.__setattr__` for each field, since the class is frozen;
    a twin with the same slots is filled directly, and then becomes an instance of the class.
    """
    names = [field.name for field in fields(cls)]
    twin = make_dataclass(cls.__name__, [(name, Any) for name in names], slots=True)
    pick = itemgetter(*names)
    values = pick if len(names) > 1 else (lambda found: (pick(found),))

    def build(found: Mapping[str, Any]) -> Any:
        made = twin(*values(found))
        made.__class__ = cls
        return made

    inner = tuple(_of_fields(cls, from_plain))
    if not inner:
        return build

    def build_inner(found: Mapping[str, Any]) -> Any:
        return build({**found, **{name: convert(found[name]) for name, convert in inner}})

    return build_inner


def _of_fields(cls: type, of_record: Callable[[type], Convert]) -> Sequence[tuple[str, Convert]]:
    """Return the fields that hold records, with what converts their values."""
    hints = get_type_hints(cls, include_extras=True)
    found = [(field.name, _conversion(hints[field.name], of_record)) for field in fields(cls)]
    return [(name, convert) for name, convert in found if convert is not None]


def _conversion(hint: Any, of_record: Callable[[type], Convert]) -> Convert | None:
    """Return what converts a value of a type: records, lists and maps of them, or none."""
    if isinstance(hint, type) and is_dataclass(hint):
        return of_record(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _conversion(arguments[0], of_record)
    if origin in (Union, types.UnionType):
        found = [c for each in arguments if (c := _conversion(each, of_record)) is not None]
        return _optional(found[0]) if found else None
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return _each(_conversion(arguments[0], of_record))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _each_of_map(_conversion(arguments[1], of_record))
    return None


def _each(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda values: list(map(convert, values))


def _each_of_map(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda held: {k: convert(v) for k, v in held.items()}


def _optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)
