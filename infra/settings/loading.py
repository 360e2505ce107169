"""Lay the sources of settings over one another and check the result as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.settings import option
from infra.settings.faults import Fault, SettingsError, SiteFileMissing
from infra.settings.layer import (
    KNOWN,
    PREFIX,
    Given,
    Layer,
    from_environment,
    from_file,
    from_options,
)
from infra.settings.model import Settings
from infra.settings.secret import MASK, is_secret_name, without_password
from infra.settings.sources import live_and_replay

SITE_FILE = "evctl-site.yaml"
OVERLAY = "evctl.yaml"
DEFAULT = "default"
VARIABLES = (PREFIX, "OCS_CONFIG_DIR")
"""How the names of the environment variables begin that settings come from."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Effective settings and where each value came from.

    `chosen_by` says in words why `site_file` was taken, or why there is none.
    """

    settings: Settings
    sources: Mapping[str, str]
    site_file: Path | None
    chosen_by: str
    warnings: tuple[str, ...]


def load(
    site_file: Path | None = None,
    overlay: Path | None = None,
    options: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Loaded:
    """Return the effective settings; raises `SettingsError` with every fault of every source.

    `options` are those of the command line, by dotted name. An overlay that is not there is a
    warning; a site file that was asked for and is not there is an error.
    """
    here = Path.cwd() if cwd is None else cwd
    site, chosen_by = find_site_file(site_file, environ, here)
    layers = [from_file(site)] if site else []
    warnings = []
    if overlay is not None:
        file = here / overlay.expanduser()
        if file.exists():
            layers.append(from_file(file))
        else:
            warnings.append(f"the overlay {file} (--config) does not exist and is left out")
    layers += [from_environment(environ, here), from_options(options or {}, here)]
    given = _lay_over(layers)
    faults = [fault for layer in layers for fault in layer.faults]
    settings = _validated(given, faults)
    both = live_and_replay(settings)
    warnings += [both] if both else []
    sources = {option.dotted(path): DEFAULT for path in KNOWN}
    sources |= {option.dotted(path): value.where for path, value in given.items()}
    return Loaded(settings, sources, site, chosen_by, tuple(warnings))


def find_site_file(
    named: Path | None, environ: Mapping[str, str], cwd: Path
) -> tuple[Path | None, str]:
    """Return the site file to take, or none, and why.

    A directory of EVCTL_CONFIG_DIR must hold one, else a site would silently write to the
    default log; OCS_CONFIG_DIR may belong to OCS alone.
    """
    if named is not None:
        path = cwd / named.expanduser()
        if not path.is_file():
            raise SiteFileMissing(path, "--site-file")
        return path, "named by --site-file"
    for variable in ("EVCTL_CONFIG_DIR", "OCS_CONFIG_DIR"):
        if environ.get(variable):
            path = cwd / Path(environ[variable]).expanduser() / SITE_FILE
            if path.is_file():
                return path, f"found in {variable}"
            if variable == "EVCTL_CONFIG_DIR":
                raise SiteFileMissing(path, variable)
    if (cwd / SITE_FILE).is_file():
        return cwd / SITE_FILE, "found in the working directory"
    return None, (
        f"no --site-file, and no {SITE_FILE} by EVCTL_CONFIG_DIR, OCS_CONFIG_DIR or in {cwd}"
    )


def shown(path: option.Path, value: object) -> object:
    """Return a value as it may be printed: secrets masked."""
    if path == ("database", "url") and isinstance(value, str):
        return without_password(value)
    return MASK if is_secret_name(path[-1]) and value is not None else value


def _lay_over(layers: list[Layer]) -> dict[option.Path, Given]:
    given: dict[option.Path, Given] = {}
    for layer in layers:
        for path, value in layer.given.items():
            if value.value is None:
                given = {known: g for known, g in given.items() if known[: len(path)] != path}
            else:
                given[path] = value
    return given


def _validated(given: Mapping[option.Path, Given], faults: list[Fault]) -> Settings:
    """Check the merged values; adds to `faults` and raises them all."""
    tree: dict[str, Any] = {}
    for path, value in given.items():
        branch = tree
        for word in path[:-1]:
            branch = branch.setdefault(word, {})
        branch[path[-1]] = value.value
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        found = {_blamed(e["loc"], given): e for e in reversed(error.errors())}
        faults += [_fault(path, e.get("ctx", {}), given) for path, e in reversed(found.items())]
        raise SettingsError(faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def _blamed(location: tuple[int | str, ...], given: Mapping[option.Path, Given]) -> option.Path:
    """Return the longest given option that a validation error's location starts with."""
    words = tuple(str(word) for word in location)
    return next((words[:n] for n in range(len(words), 0, -1) if words[:n] in given), words[:2])


def _fault(path: option.Path, context: Any, given: Mapping[option.Path, Given]) -> Fault:
    mark = KNOWN[path[:2]][0]
    unit = f" ({mark.unit})" if mark.unit else ""
    reason = f" ({context['error']})" if "error" in context else ""
    if path not in given:  # log.client as a whole
        first = next(p for p in given if p[: len(path)] == path)
        return Fault(given[first].where, option.dotted(path), f"{mark.allowed}{reason}")
    value = shown(path, given[path].value)
    text = f"{value!r} is not allowed{reason}; allowed: {mark.allowed}{unit}"
    return Fault(given[path].where, option.dotted(path), text)
