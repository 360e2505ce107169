"""The recording formats, found by the folder `producers/recordings`, and how a file is opened."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import Any, TypeVar

import producers.recordings
from producers import Recording, RecordingWriter
from producers.conversion import Conversion
from producers.errors import EmptyFile, NoRecording, NotRecognised, UnknownFormat

_T = TypeVar("_T")


def readers() -> Mapping[str, type[Recording]]:
    """Return the formats that can be read, by name."""
    return _found(Recording)


def writers() -> Mapping[str, type[RecordingWriter]]:
    """Return the formats that can be written, by name."""
    return _found(RecordingWriter)


def open_recording(
    path: Path,
    *,
    convert_numbers: bool = True,
    convert_booleans: bool = True,
    format: str | None = None,  # noqa: A002 the word that users know
) -> Recording:
    """Return the recording in a file, in the format that its content shows unless one is named.

    The switches concern formats that hold values as text; there, what is not converted stays a
    string. Raises `NoRecording`, `EmptyFile`, `NotRecognised` or `UnknownFormat`; what is wrong
    inside shows when the entries are read.
    """
    if not path.is_file():
        raise NoRecording(path, "is not a file" if path.exists() else "does not exist")
    try:
        path.open("rb").close()
    except OSError as fault:
        raise NoRecording(path, f"can't be read ({fault.strerror})") from fault
    conversion = Conversion(convert_numbers, convert_booleans)
    if format is not None:
        return _named(readers(), format, "read")(path, conversion)
    if path.stat().st_size == 0:
        raise EmptyFile(path)
    for candidate in readers().values():
        if candidate.recognises(path):
            return candidate(path, conversion)
    raise NotRecognised(path, readers())


def writer_for(format: str) -> type[RecordingWriter]:  # noqa: A002 the word that users know
    """Return the class that writes a format; raise `UnknownFormat`."""
    return _named(writers(), format, "write")


def _named(known: Mapping[str, type[_T]], name: str, what: str) -> type[_T]:
    try:
        return known[name]
    except KeyError:
        raise UnknownFormat(name, sorted(known), what) from None


@cache
def _found(kind: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(producers.recordings.__path__, "producers.recordings."):
        for member in vars(import_module(module.name)).values():
            if _is_format(member, kind) and found.setdefault(member.format, member) is not member:
                raise TypeError(f"two classes are the format {member.format}")
    return found


def _is_format(member: Any, kind: type) -> bool:
    return isinstance(member, type) and issubclass(member, kind) and not isabstract(member)
