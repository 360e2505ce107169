"""Rubin's Engineering and Facility Database, as JSON Lines of its samples."""

from pathlib import Path
from typing import Any

from producers import Entry, json_text, unix_seconds
from producers.errors import MISSING, Unfit
from producers.lines import LineRecording, first_line
from producers.tcs_members import DATA_TIME, WIRE_TIME
from schemas.events.tcs import TcsEvent

_NANOS_IN_MICRO = 1000
_MEMBERS = ("topic", "time_ns", "fields")
_LIMIT = 2**63


class Efd(LineRecording):
    """A JSON object a line: `topic`, `time_ns` (UTC, ns since 1970) and `fields`."""

    format = "efd"
    about = "samples of Rubin's EFD, JSON Lines of topic, time_ns and fields (read only)"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the first line has these three members."""
        line = first_line(path).lstrip()
        return line.startswith(b"{") and all(f'"{name}"'.encode() in line for name in _MEMBERS)

    def read_line(self, line: bytes, number: int) -> Entry:
        """Return the sample of a line as an event: its topic's last three parts are the name."""
        return Entry(json_text.read(line, _event), None, number)


def _event(sample: Any, exact: bool) -> TcsEvent:
    if type(sample) is not dict:
        raise Unfit("", sample, "a JSON object")
    topic, nanos, values = (sample.get(name, MISSING) for name in _MEMBERS)
    if type(nanos) is not int or not -_LIMIT <= nanos < _LIMIT:
        raise Unfit("time_ns", nanos, "a whole number of ns of 64 bits")
    if type(values) is not dict:
        raise Unfit("fields", values, "an object of values")
    json_text.check(values, exact)
    micros, beyond = divmod(nanos, _NANOS_IN_MICRO)
    original = _spelling(nanos) if beyond else {}
    return TcsEvent(micros, micros, *_name(topic), False, values, original)


def _name(topic: Any) -> tuple[str, str, str]:
    parts = topic.split(".") if type(topic) is str else ()
    if len(parts) < 3:
        raise Unfit(
            "topic", topic, "a name of three or more parts, such as lsst.sal.MTMount.azimuth"
        )
    return parts[-3], parts[-2], parts[-1]


def _spelling(nanos: int) -> dict[str, str]:
    """Return the instant with all its digits, as the text of both times."""
    micros, beyond = divmod(abs(nanos), _NANOS_IN_MICRO)
    text = f"{'-' if nanos < 0 else ''}{unix_seconds.render(micros)}{beyond:03d}"
    return {DATA_TIME: text, WIRE_TIME: text}
