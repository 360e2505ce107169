"""What of the log is to be served."""

from dataclasses import dataclass, field

from infra.tailing.selection import Edge
from producers.tcs_names import Names


@dataclass(frozen=True, slots=True)
class Wish:
    """From where on, which names, and whether up to the log's present end only.

    It begins at an edge of the log (the end: with what comes from now on), or at an offset.
    `replay` says that the namespace is a replay's; `answers` that enquiries are answered; `of_now`
    that events get the time at which they are sent.
    """

    start: Edge | int = Edge.END
    names: Names = field(default_factory=Names)
    once: bool = False
    replay: bool = False
    answers: bool = True
    of_now: bool = False
