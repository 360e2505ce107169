"""Secrets: the settings say where one lies, never what it is."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from schemas.errors import EvctlError

MASK = "***"
_SECRET_NAME = re.compile(r"password|secret|token|private|key\.pem|jaas", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"(://[^:/@]+:).*(?=@)|((?:password|passwd)=)[^&]*")


class SecretMissing(EvctlError):
    """The place that should hold a secret does not."""

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"The secret in {place} can't be read: {reason}. Put it there.")


class Secret(BaseModel):
    """The place of a secret: an environment variable or a file (its first line)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self

    def reveal(self, environ: Mapping[str, str] = os.environ) -> str:
        """Read the secret, now; raises `SecretMissing`."""
        if self.env is not None:
            if self.env not in environ:
                raise SecretMissing(f"environment variable {self.env}", "it is not set")
            return environ[self.env]
        try:
            lines = Path(str(self.file)).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissing(
                f"file {self.file}", getattr(error, "strerror", None) or str(error)
            ) from error
        if not lines or not lines[0]:
            raise SecretMissing(f"file {self.file}", "its first line is empty")
        return lines[0]


def is_secret_name(name: str) -> bool:
    """Tell whether an option's name says that its value is a secret."""
    return bool(_SECRET_NAME.search(name))


def without_password(url: str) -> str:
    """Return a database address whose password, if any, is masked."""
    return _PASSWORD_IN_URL.sub(lambda found: f"{found[1] or found[2]}{MASK}", url)
