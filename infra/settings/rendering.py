"""Effective settings as YAML that people read; secrets are masked."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel

from infra.settings import option
from infra.settings.layer import KNOWN
from infra.settings.loading import Loaded, shown
from infra.settings.model import Settings
from infra.settings.secret import MASK, Secret


def as_yaml(loaded: Loaded, *, origin: bool = False) -> str:
    """Return every option with its effective value and, if wanted, where that came from."""
    lines: list[str] = []
    for section in Settings.model_fields:
        lines += [f"{section}:", *_section(loaded, section, origin=origin)]
    return "\n".join(lines) + "\n"


def secrets(settings: Settings) -> Iterator[tuple[option.Path, Secret]]:
    """Yield the place of every secret in use."""
    for path in KNOWN:
        value = _value(settings, path)
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for name, found in inner:
            if isinstance(found, Secret):
                yield ((*path, name) if name else path), found


def _section(loaded: Loaded, section: str, *, origin: bool) -> Iterator[str]:
    for path in KNOWN:
        if path[0] != section:
            continue
        value = _value(loaded.settings, path)
        if isinstance(value, Mapping) and value:
            yield f"  {path[1]}:"
            for name, inner in value.items():
                yield _line(loaded, (*path, name), inner, origin=origin)
        else:
            yield _line(loaded, path, value, origin=origin)


def _line(loaded: Loaded, path: option.Path, value: object, *, origin: bool) -> str:
    indent = "  " * (len(path) - 1)
    line = f"{indent}{path[-1]}: {_scalar(path, value)}".rstrip()
    return f"{line}  # {loaded.sources[option.dotted(path)]}" if origin else line


def _scalar(path: option.Path, value: object) -> str:
    """Write one value in one line; an option without a value is left empty."""
    if value is None:
        return ""
    plain = MASK if isinstance(value, Secret) else shown(path, value)
    plain = str(plain) if isinstance(plain, Path) else plain
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("...\n").rstrip()


def _value(settings: BaseModel, path: option.Path) -> object:
    value: object = settings
    for name in path:
        value = getattr(value, name)
    return value
