"""What is known of an option beside its type and default."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["modifiable", "static", "locked"]
Path = tuple[str, ...]
"""Where an option stands: its section, its name and, in `log.client`, the librdkafka name."""


@dataclass(frozen=True, slots=True)
class Option:
    """When an option may change, its unit and, in words, the values it takes.

    `modifiable`: at run time, through the log. `static`: takes effect at the next start.
    `locked`: must not change once the log holds records.
    """

    kind: Kind
    unit: str
    allowed: str


def dotted(path: Path) -> str:
    """Return the name people write: `section.option`."""
    return ".".join(path)


def options(model: type[BaseModel]) -> dict[Path, tuple[Option, FieldInfo]]:
    """Return every option of a settings model, in the order of their declaration."""
    found: dict[Path, tuple[Option, FieldInfo]] = {}
    for section, field in model.model_fields.items():
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            raise TypeError(f"{model.__name__}.{section} is not a section")
        for name, leaf in field.annotation.model_fields.items():
            mark = next(m for m in leaf.metadata if isinstance(m, Option))
            found[section, name] = (mark, leaf)
    return found
