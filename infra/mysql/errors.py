"""Why there is no throw-away server."""

from pathlib import Path

from schemas.errors import EvctlError


class NoServer(EvctlError):
    """There is none to ask."""

    exit_code = 66

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no throw-away server {name}: start one with `evctl mysql up`.")
        self.name = name


class DockerMissing(EvctlError):
    """The Docker SDK for Python is not installed."""

    exit_code = 69

    def __init__(self) -> None:
        super().__init__(
            "evctl mysql up --docker needs the Docker SDK for Python, which is not installed: "
            "`pip install 'evctl[docker]'` brings it. With --local, a mariadbd of this "
            "machine serves."
        )


class EngineAway(EvctlError):
    """No Docker engine answers, or it does not do it."""

    exit_code = 69

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"No Docker engine does it: {reason.rstrip('.')}. Start one, or set DOCKER_HOST; "
            "with --local, a mariadbd of this machine serves."
        )
        self.reason = reason


class NameTaken(EvctlError):
    """A container of this name is not this site's."""

    exit_code = 73

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A container named {name} is there, and is not of this site: give another name with "
            "-c/--container-name, or in docker_mysql.container_name."
        )
        self.name = name


class MariaDBMissing(EvctlError):
    """Neither an engine nor a server's program is on this machine."""

    exit_code = 69

    def __init__(self, program: str) -> None:
        super().__init__(
            f"{program} is not installed, and no Docker engine was found either: install MariaDB "
            "(Debian: apt install mariadb-server; macOS: brew install mariadb), or Docker and "
            "`pip install 'evctl[docker]'`."
        )
        self.program = program


class NotStarted(EvctlError):
    """A server ended, or did not answer in time."""

    exit_code = 69

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"The throw-away server {what}; it said:\n{said.rstrip() or '(nothing)'}")
        self.what = what


class NoPlace(EvctlError):
    """A directory can't be made."""

    exit_code = 73

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"{directory} can't be made: {reason}. It has to lie beside log.data_dir; set that to "
            "a place that can be written to."
        )
        self.directory = directory


class NotOurs(EvctlError):
    """A directory is no throw-away server's."""

    exit_code = 73

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} is there, and is no directory of a throw-away server: give another name "
            "with -c/--container-name."
        )
        self.directory = directory
