"""What was made of the messages that came in."""

import logging
from collections import Counter

from infra.counting import counted

_LOGGER = logging.getLogger("evctl.bridge")


class Tally:
    """Counts what was recorded, and what was not, by reason; the first of each reason is logged."""

    def __init__(self) -> None:
        self.passed_over: Counter[str] = Counter()

    def pass_over(self, reason: str, detail: str) -> None:
        """Count a message that is no event."""
        if not self.passed_over[reason]:
            _LOGGER.warning("passed over a message, %s: %s; more are only counted", reason, detail)
        self.passed_over[reason] += 1

    def said(self, recorded: int, dropped: int) -> str:
        """Return the account in words; `dropped` is how many found no room."""
        parts = [f"{counted(recorded, 'event')} recorded"]
        if self.passed_over:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in self.passed_over.most_common())
            messages = counted(self.passed_over.total(), "message")
            parts.append(f"{messages} passed over ({reasons})")
        if dropped:
            parts.append(
                f"{counted(dropped, 'message')} dropped, for bridge.buffer was full: if TCS has "
                "recorded them, `evctl import` adds what is missing"
            )
        return "; ".join(parts)
