"""SASL/PLAIN with one token in the data directory: whoever may read that may connect."""

import hmac
import secrets
from pathlib import Path

from infra.broker.storage import files

USERNAME = "evctl"
MECHANISM = "PLAIN"
FILE = "token"


def token(data_dir: Path) -> str:
    """Return the token of a data directory, drawn when there is none."""
    path = data_dir / FILE
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        drawn = secrets.token_hex(24)
        files.replace(path, drawn.encode() + b"\n")
        return drawn


def accepts(message: bytes, expected: str) -> bool:
    """Whether a PLAIN message (RFC 4616: identity NUL user NUL password) names user and token."""
    parts = message.split(b"\0")
    return (
        len(parts) == 3
        and hmac.compare_digest(parts[1], USERNAME.encode())
        and hmac.compare_digest(parts[2], expected.encode())
    )
