"""What a program understands: its event classes, every version of them, and the upcasters between.

`todays` is this program's; tests make older and newer ones.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from schemas import avro, catalogue
from schemas.avro import NotAvro, Schema
from schemas.declare import AVRO_NAMESPACE
from schemas.errors import EvctlError
from schemas.fitting import DoesNotFit, fit
from schemas.published_files import Published, published
from schemas.upcasting import Upcaster

Decode = Callable[[bytes, int], Any]

_UPCAST_FAULTS = (KeyError, IndexError, ValueError, TypeError, ArithmeticError, DoesNotFit)
"""What an upcaster raises for fields that it can't deal with."""


class NotPublished(EvctlError):
    """An event class is none of its published versions, or not the newest."""

    exit_code = 70

    def __init__(self, event: str) -> None:
        super().__init__(
            f"The class {event} is not its newest published version: see `evctl schema check "
            f"{event} --offline`, then run `make schemas`."
        )
        self.event = event


class Language(NamedTuple):
    """Event classes by wire name, the published versions of each, oldest first, and upcasters."""

    classes: Mapping[str, type]
    versions: Mapping[str, Sequence[Published]]
    upcasters: Sequence[Upcaster] = ()

    def class_of(self, schema: Schema) -> type | None:
        """Return the event class that a schema is a version of; none for a foreign schema."""
        namespace, _, name = avro.full_name(schema).rpartition(".")
        ours = namespace == AVRO_NAMESPACE and schema["type"] == "record"
        return self.classes.get(name) if ours else None

    def published_up_to(self, cls: type) -> list[Schema]:
        """Return all published versions of a class; raise `NotPublished` if it is not the last."""
        versions = [each.schema for each in self.versions.get(cls.__name__, ())]
        todays_own = avro.schema_of(cls)
        if not versions or avro.fingerprint_of(versions[-1]) != avro.fingerprint_of(todays_own):
            raise NotPublished(cls.__name__)
        return versions

    def reader(self, written: Schema, cls: type | None) -> Decode:
        """Return what decodes Avro bytes of a schema from an offset on, to an event of `cls`.

        An upcaster of the written version comes first, and then what reads the next version.
        """
        step = None if cls is None else self._step(written, cls.__name__)
        if step is None:
            return avro.reader(written, cls)
        upcaster, following = step
        return _upcasting(upcaster, written, following, self.reader(following, cls))

    def _step(self, written: Schema, event: str) -> tuple[Upcaster, Schema] | None:
        """Return the upcaster of a written schema, and the schema that it leads to."""
        steps = {each.version: each for each in self.upcasters if each.event == event}
        if not steps:
            return None
        versions = {each.version: each.schema for each in self.versions.get(event, ())}
        fingerprint = avro.fingerprint_of(written)
        for number, upcaster in steps.items():
            schema, following = versions.get(number), versions.get(number + 1)
            if None not in (schema, following) and avro.fingerprint_of(schema) == fingerprint:
                return upcaster, following
        return None


def _upcasting(upcaster: Upcaster, written: Schema, following: Schema, read: Decode) -> Decode:
    decode, encode = avro.reader(written, None), avro.schema_writer(following)
    name = f"{avro.full_name(written)}, version {upcaster.version}"

    def upcast(data: bytes, start: int) -> Any:
        found = decode(data, start)
        try:
            fields = fit(following, upcaster.upcast(found))
        except _UPCAST_FAULTS as fault:
            said = str(fault) if isinstance(fault, DoesNotFit) else repr(fault)
            raise NotAvro(
                name, f"its upcaster can't take it to the next version: {said}"
            ) from fault
        return read(encode(fields), 0)

    return upcast


@cache
def todays() -> Language:
    """Return what this program understands."""
    return Language(catalogue.events(), published(), catalogue.upcasters())
