"""One layer of settings: the options that a file, the environment or the command line gives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from infra.settings import option
from infra.settings.faults import Fault
from infra.settings.model import IPC, Settings, listed
from infra.settings.secret import Secret, is_secret_name

KNOWN = option.options(Settings)
CLIENT = ("log", "client")
PREFIX = "EVCTL_"


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it was given; `None` asks for the default."""

    value: object
    where: str


@dataclass(slots=True)
class Layer:
    """What one source gives, and what is wrong with it."""

    given: dict[option.Path, Given] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def add(self, path: option.Path, value: object, where: str, directory: Path) -> None:
        """Take one value; relative paths in it start at `directory`."""
        if path == CLIENT and isinstance(value, Mapping):
            for name, inner in value.items():
                self.add((*CLIENT, str(name)), inner, where, directory)
        elif path[:2] in KNOWN and (len(path) == 2 or path[:2] == CLIENT):
            self.given[path] = Given(_from_directory(path, value, directory), where)
        else:
            self.faults.append(Fault(where, option.dotted(path), f"no such option{_meant(path)}"))


def from_file(path: Path) -> Layer:
    """Read a site file or an overlay; faults carry file and line."""
    layer = Layer()
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        layer.faults.append(Fault(f"{path}:{line}", "", f"not YAML: {error.problem}"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        layer.faults.append(Fault(str(path), "", f"can't be read: {error}"))
    else:
        if root is not None:
            _Reader(layer, loader, path).sections(root)
    return layer


def from_environment(environ: Mapping[str, str], directory: Path) -> Layer:
    """Read the variables EVCTL_SECTION__OPTION; those without `__` mean something else."""
    layer = Layer()
    for name, text in sorted(environ.items()):
        section, separator, rest = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and separator:
            where = f"environment variable {name}"
            inner, separator, client_name = rest.partition("__")
            path = (section, inner, client_name.replace("_", ".")) if separator else (section, rest)
            try:
                layer.add(path, _from_text(path, name, text), where, directory)
            except yaml.YAMLError:
                layer.faults.append(Fault(where, option.dotted(path), "not a YAML mapping"))
    return layer


def from_options(options: Mapping[str, object], directory: Path) -> Layer:
    """Take options of the command line, by their dotted names."""
    layer = Layer()
    for name, value in options.items():
        layer.add(tuple(name.split(".", 2)), value, "command line", directory)
    return layer


class _Reader:
    """Walks the YAML nodes of one file, since only nodes know their lines."""

    def __init__(self, layer: Layer, loader: yaml.SafeLoader, path: Path) -> None:
        self._layer, self._loader, self._path = layer, loader, path
        self._directory = path.absolute().parent

    def sections(self, root: yaml.Node) -> None:
        for section, node in self._pairs(root, (), "sections"):
            if section not in Settings.model_fields:
                self._fault(node, (section,), f"no such section{_meant((section,))}")
            elif not _is_empty(node):
                for name, value in self._pairs(node, (section,), "options"):
                    self._option((section, name), value)

    def _option(self, path: option.Path, node: yaml.Node) -> None:
        if path == CLIENT and not _is_empty(node):
            for name, value in self._pairs(node, path, "librdkafka options"):
                self._leaf((*path, name), value)
        else:
            self._leaf(path, node)

    def _leaf(self, path: option.Path, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            for _ in self._pairs(node, path, ""):  # for its faults: keys given twice
                pass
        try:
            value = self._loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: a date of a 13th month
            self._fault(node, path, f"not a value: {getattr(error, 'problem', error)}")
        else:
            self._layer.add(path, value, self._where(node), self._directory)

    def _pairs(
        self, node: yaml.Node, path: option.Path, what: str
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Yield keys and values of a mapping; a key given twice is a fault and counts once."""
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, path, f"{what} are expected here, as `name: value`")
            return
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in lines:
                text = f"given twice, first in line {lines[name]}; keep one"
                self._fault(key, (*path, name), text)
            else:
                lines[name] = key.start_mark.line + 1
                yield name, value

    def _where(self, node: yaml.Node) -> str:
        return f"{self._path}:{node.start_mark.line + 1}"

    def _fault(self, node: yaml.Node, path: option.Path, text: str) -> None:
        self._layer.faults.append(Fault(self._where(node), option.dotted(path), text))


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _from_text(path: option.Path, variable: str, text: str) -> object:
    """Read the text of a variable; the value of a secret is left where it is."""
    if path == ("log", "client") or text.lstrip().startswith("{"):
        return yaml.safe_load(text)
    if is_secret_name(path[-1]):
        return Secret(env=variable)
    return text or None


def _from_directory(path: option.Path, value: object, directory: Path) -> object:
    """Make relative paths absolute: a site file means the same wherever evctl is started."""
    if isinstance(value, Mapping) and isinstance(value.get("file"), str):
        return {**value, "file": _absolute(value["file"], directory)}
    if path[0] == "urls":
        return _sockets_from(value, directory)
    if not isinstance(value, str | Path):
        return value
    if path == ("database", "url"):
        scheme, slashes, file = str(value).partition(":///")
        is_file = scheme.startswith("sqlite") and file and file != ":memory:"
        return f"{scheme}{slashes}{_absolute(file, directory)}" if is_file else value
    is_path = Path in _types(KNOWN[path[:2]][1].annotation)
    is_certificate = path[:2] == CLIENT and path[-1].endswith(".location") and value != "probe"
    return _absolute(value, directory) if is_path or is_certificate else value


def _sockets_from(urls: object, directory: Path) -> object:
    """Make the paths of `ipc://` addresses absolute; `@` names one that is in no directory."""
    given = listed(urls)
    if not isinstance(given, list | tuple):
        return urls
    return [
        f"{IPC}{_absolute(url.removeprefix(IPC), directory)}"
        if isinstance(url, str) and url.startswith(IPC) and url[len(IPC) :][:1] not in {"", "@"}
        else url
        for url in given
    ]


def _absolute(path: str | Path, directory: Path) -> str:
    return str(directory / Path(path).expanduser())


def _types(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", (annotation,))


def _meant(path: option.Path) -> str:
    names = [option.dotted(known) for known in KNOWN]
    if len(path) == 1:
        names += list(Settings.model_fields)
    wrong = option.dotted(path)
    close = [name for name in names if name.endswith(f".{path[-1]}")]
    close = close or get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; `evctl config show` lists them all"
