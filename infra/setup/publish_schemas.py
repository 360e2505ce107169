"""Write the schema of each new or changed event to `schemas/published`, as its next version.

A file that is there is never written again: records may have been made with it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from schemas.avro import Schema, schema_of
from schemas.catalogue import events
from schemas.errors import EvctlError
from schemas.published_files import published


class AlreadyPublished(EvctlError):
    """Another schema stands where a version was to be published."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} exists, and a published schema is never changed: run this again, and the next "
            "free version is taken."
        )
        self.path = path


def unpublished(classes: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """Yield file name and schema of each event whose newest published version is another one."""
    for name, cls in sorted(classes.items()):
        versions = published().get(name, ())
        if not versions or versions[-1].schema != schema_of(cls):
            number = versions[-1].version + 1 if versions else 1
            yield f"{name}.v{number}.avsc", schema_of(cls)


def file_text(schema: Schema) -> str:
    """Return a schema as published files have it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def publish(folder: Path, classes: Mapping[str, Any]) -> list[Path]:
    """Write the schemas that are not published yet, and return their files.

    Called twice, it writes nothing more once the first call's files are read. Raises
    `AlreadyPublished`.
    """
    written = []
    for name, schema in unpublished(classes):
        path = folder / name
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(file_text(schema))
        except FileExistsError:
            raise AlreadyPublished(path) from None
        written.append(path)
    return written


def main() -> None:
    """Publish what is new, and say what it was."""
    folder = Path(str(files("schemas").joinpath("published")))
    try:
        written = publish(folder, events())
    except EvctlError as error:
        sys.exit(f"publish_schemas: {error}")
    for path in written:
        sys.stdout.write(f"{path} written\n")
    if not written:
        sys.stdout.write("every event's schema is published\n")


if __name__ == "__main__":
    main()
