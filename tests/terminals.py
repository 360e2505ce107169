"""What a terminal shows."""

import os
from contextlib import suppress


def whole(controller: int) -> str:
    """Return all that a terminal got whose programs have ended: it may come in pieces."""
    shown = b""
    with suppress(OSError):  # the end of a terminal
        while part := os.read(controller, 65536):
            shown += part
    return shown.decode()
