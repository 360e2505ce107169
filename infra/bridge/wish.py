"""What of the log is to be served."""

from dataclasses import dataclass, field
from enum import Enum

from producers.tcs_names import Names


class Edge(Enum):
    """Where to begin: at the oldest record, or behind the newest."""

    START = "start"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Wish:
    """From where on, which names, and whether up to the log's present end only.

    `replay` says that the namespace is a replay's; `answers` that enquiries are answered.
    """

    start: Edge | int = Edge.NOW
    names: Names = field(default_factory=Names)
    once: bool = False
    replay: bool = False
    answers: bool = True
