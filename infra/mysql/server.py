"""Where a throw-away server listens, and the settings that lead to it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import pymysql
import yaml

DATABASE, USER = "evctl_throw_away", "evctl"
PASSWORD_FILE = "password"  # noqa: S105 its name
_FILE = "server.json"
_ANSWER_S = 5


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its directory, and what is known of it once it serves."""

    name: str
    directory: Path
    kind: Literal["local", "docker"]
    host: str
    port: int
    container_address: str = ""
    """The container's own address, for programs in the engine's network."""

    @classmethod
    def read(cls, name: str, directory: Path) -> Self | None:
        """Return the server that was written down in a directory, None if none was."""
        try:
            kept = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(name, directory, **kept)

    def write(self) -> None:
        """Write it down in its directory."""
        kept = {k: v for k, v in asdict(self).items() if k not in {"name", "directory"}}
        (self.directory / _FILE).write_text(json.dumps(kept), encoding="utf-8")

    @property
    def address(self) -> str:
        """Where it listens, HOST:PORT."""
        return f"{self.host}:{self.port}"

    @property
    def password_file(self) -> Path:
        """The file with the user's password."""
        return self.directory / PASSWORD_FILE

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a connection to its database."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=USER,
            password=self.password_file.read_text(encoding="utf-8").strip(),
            database=DATABASE,
            connect_timeout=_ANSWER_S,
            read_timeout=_ANSWER_S,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Tell whether it can be used."""
        try:
            self.connect().close()
        except (pymysql.err.MySQLError, OSError):
            return False
        return True

    def settings(self) -> Mapping[str, Mapping[str, object]]:
        """Return the sections of a site file that lead to it."""
        return {
            "mysql": {
                "host": self.host,
                "port": self.port,
                "database": DATABASE,
                "user": USER,
                "password": {"file": str(self.password_file)},
            }
        }

    def settings_text(self) -> str:
        """Return these settings as YAML."""
        return yaml.safe_dump(self.settings(), sort_keys=False, allow_unicode=True)
