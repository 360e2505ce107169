"""What `evctl doctor` looks at. Nothing here starts or changes anything."""

import locale
import os
import platform
import re
import resource
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import confluent_kafka

from infra import clock
from infra.mocking import unheeded
from infra.namespaces import in_words
from infra.settings import Loaded, Secret, SecretMissing, Settings
from infra.settings.option import dotted
from infra.settings.quantity import to_text
from infra.settings.rendering import secrets
from infra.settings.secret import is_secret_name

FILES_WANTED = 1024  # three for each partition and a night's segments, with room


class Verdict(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing, and, unless it is fine, the mend."""

    verdict: Verdict
    about: str
    text: str
    mend: str = ""


def ok(about: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(Verdict.OK, about, text)


def machine() -> Iterator[Finding]:
    """Look at what evctl runs on: needs no settings."""
    yield _python()
    yield _platform()
    yield from _packages()
    yield _encoding()
    yield _open_files()
    now = datetime.fromtimestamp(clock.utc_micros() / 1e6, UTC)
    yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; compare it with a clock you trust")


def site(loaded: Loaded) -> Iterator[Finding]:
    """Look at the settings and at the directory of the log."""
    yield ok("site file", f"{loaded.site_file or 'none'} ({loaded.chosen_by})")
    yield from _mock_time(loaded.settings)
    yield from _secrets(loaded.settings)
    yield from _zeromq(loaded.settings)
    if loaded.settings.log.bootstrap_servers == "embedded":
        yield from _data_directory(loaded.settings)


def _mock_time(settings: Settings) -> Iterator[Finding]:
    mock_time, namespace = settings.dates.mock_time, settings.log.namespace
    if mock_time is None:
        return
    if said := unheeded(settings):
        mend = "Comment dates.mock_time out, or give a namespace of its own."
        yield Finding(Verdict.WARN, "mock time", said, mend)
    else:
        text = f"{mock_time}, for those who decide in {in_words(namespace)}; `evctl time` shows it"
        yield ok("mock time", text)


def _python() -> Finding:
    return ok("python", f"{platform.python_version()} ({sys.executable})")


def _platform() -> Finding:
    text = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if platform.system() in {"Linux", "Darwin"}:
        return ok("platform", text)
    return Finding(Verdict.WARN, "platform", text, "Use Linux or macOS: evctl is tested there.")


def _packages() -> Iterator[Finding]:
    """Compare what the package asks for with what is installed; extras are left out."""
    found = []
    for requirement in metadata.requires("evctl") or ():
        name = re.split(r"[^A-Za-z0-9_-]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement:
            try:
                found.append(f"{name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                mend = "Install evctl again with pip, in the environment it runs in."
                yield Finding(Verdict.FAIL, "packages", f"{name} is missing", mend)
    found.append(f"librdkafka {confluent_kafka.libversion()[0]}")
    yield ok("packages", f"evctl {metadata.version('evctl')}; {', '.join(found)}")


def _encoding() -> Finding:
    encoding = locale.getpreferredencoding(do_setlocale=False)
    text = f"text is {encoding}, file names are {sys.getfilesystemencoding()}"
    if encoding.lower().replace("-", "") == "utf8":
        return ok("locale", text)
    mend = "Set LANG=C.UTF-8, else names with other letters can't be shown."
    return Finding(Verdict.WARN, "locale", text, mend)


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES_WANTED:
        return ok("open files", f"at most {soft} at once")
    mend = f"Raise it with `ulimit -n {FILES_WANTED}`, else a log of many nights can't be opened."
    return Finding(Verdict.WARN, "open files", f"at most {soft} at once", mend)


def _secrets(settings: Settings) -> Iterator[Finding]:
    for path, secret in secrets(settings):
        try:
            secret.reveal()
        except SecretMissing as error:
            yield Finding(Verdict.FAIL, dotted(path), str(error), "Then run doctor again.")
        else:
            yield ok(dotted(path), "the secret can be read")
    for name, value in settings.log.client.items():
        if is_secret_name(name) and not isinstance(value, Secret):
            mend = "Write {file: PATH} or {env: NAME} instead, and the secret there."
            yield Finding(Verdict.WARN, f"log.client.{name}", "a secret in plain text", mend)


def _zeromq(settings: Settings) -> Iterator[Finding]:
    urls = settings.urls
    if urls.event_urls or urls.ocd_db_replay or urls.ocd_main_loop:
        if find_spec("zmq") is None:
            text = "pyzmq is missing, and urls names addresses of ZeroMQ"
            yield Finding(Verdict.FAIL, "zeromq", text, "Run `pip install 'evctl[zmq]'`.")
        else:
            yield ok("zeromq", f"pyzmq {metadata.version('pyzmq')}")


def _data_directory(settings: Settings) -> Iterator[Finding]:
    directory, floor = settings.log.data_dir, settings.broker.free_space_floor
    there = next(path for path in (directory, *directory.parents) if path.exists())
    state = "exists" if there == directory else "will be made by the first command that needs it"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        mend = "Give it to this user, or set log.data_dir to another directory."
        yield Finding(Verdict.FAIL, "data directory", f"{there} can't be written to", mend)
        return
    if there == directory and (mode := stat.S_IMODE(directory.stat().st_mode)) & 0o077:
        text = f"{directory} is open to others (mode {mode:04o})"
        yield Finding(Verdict.WARN, "data directory", text, f"Run `chmod 700 {directory}`.")
    else:
        yield ok("data directory", f"{directory} {state}")
    yield _space(there, floor)


def _space(directory: Path, floor: int) -> Finding:
    free = shutil.disk_usage(directory).free
    text = f"{to_text(free)} free; records are refused below {to_text(floor)}"
    if free < floor:
        return Finding(Verdict.FAIL, "free space", text, "Make room, or move log.data_dir.")
    if free < 10 * floor:
        return Finding(Verdict.WARN, "free space", text, "Make room before the next night.")
    return ok("free space", text)
