"""Which options may be sent to the orchestrator, and which values they take."""

from difflib import get_close_matches
from pathlib import Path

from infra.settings import load
from infra.settings.layer import KNOWN
from infra.settings.option import dotted
from schemas.errors import EvctlError

_WHY = {
    "static": "it takes effect when the program that uses it starts: set it in the site file, and "
    "start that anew",
    "locked": "it never changes once the log holds records",
}


class NoSuchOption(EvctlError):
    """The settings have no such option."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        known = [dotted(path) for path in KNOWN]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`evctl config show` lists all."
        super().__init__(f"There is no option {name}; {hint}")
        self.name = name


class NotModifiable(EvctlError):
    """An option can't be changed while programs run."""

    exit_code = 65

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{name} is {kind}: {_WHY[kind]}.")
        self.name, self.kind = name, kind


def modifiable(section: str, option: str, value: str) -> object:
    """Return a value as the option takes it.

    Raises `NoSuchOption`, `NotModifiable`, and `SettingsError` for a value that is not allowed.
    """
    path = section, option
    if path not in KNOWN:
        raise NoSuchOption(dotted(path))
    kind = KNOWN[path][0].kind
    if kind != "modifiable":
        raise NotModifiable(dotted(path), kind)
    checked = load(options={dotted(path): value}, environ={}, cwd=Path("/")).settings
    return getattr(getattr(checked, section), option)
