"""Any TCS event, and what recordings find hard."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from producers import Entry, Recording
from producers.formats import open_recording, writer_for
from schemas import utc
from schemas.events.tcs import TcsEvent

RESERVED = ("__system", "__source", "__key", "__data_time", "__wire_time", "__data")
TAKEN = frozenset((*RESERVED, "__id", "__original_text"))
HARD_TEXT = (
    *("", " ", "5", " 5", "5 ", "007", "+5", "-0", "1_000", "0x1F", "1e5", "1E5", "1.50", ".5"),
    *("1e400", "-1e400", "1e-400", "nan", "-NaN", "Inf", "infinity", "-inf", "1.0", "9" * 30),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "true", "TRUE"),
    *("null", "[1,2]", "x\0y", "trailing ", "\U0001f52d", "é", "e\u0301", '"', "\\", "\n", "\x1f"),
    *("1526374800.5", "2018-05-15T09:00:00Z", "1526374800.123456789", "٥", "x" * 100_000),
)
TEXT = st.text() | st.sampled_from(HARD_TEXT)
INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.integers(utc.FIRST, utc.LAST)
DOUBLES = st.floats() | st.sampled_from((1e22, 1e16, 2.0**63, -(2.0**64), 5e-324, -0.0, 1e300))
SCALARS = st.none() | st.booleans() | INT64 | DOUBLES | TEXT
VALUES = SCALARS | st.lists(SCALARS, max_size=4)
NAMES = (TEXT | st.sampled_from(("a", "A", "fit.gauss_par(3)", "__pid"))).filter(
    lambda name: name not in TAKEN
)


@st.composite
def _events(draw: st.DrawFn) -> TcsEvent:
    values = draw(st.dictionaries(NAMES, VALUES, max_size=5))
    spelled = st.sampled_from((*values, "__data_time", "__wire_time", "__data")) | NAMES
    return TcsEvent(
        draw(INSTANTS | st.just(1526374800_500000)),
        draw(INSTANTS | st.just(1526374800_123456)),
        draw(TEXT),
        draw(TEXT),
        draw(TEXT),
        draw(st.booleans()),
        values,
        draw(st.dictionaries(spelled, TEXT, max_size=3)),
    )


EVENTS: SearchStrategy[TcsEvent] = _events()
ENTRIES = st.lists(st.builds(Entry, EVENTS, st.none() | st.uuids(), st.just(0)), max_size=4)


def content(entries: Recording | list[Entry]) -> list[str]:
    """Return what must survive a recording, such that equal means equal (NaN and -0.0 too)."""
    found = entries.entries() if isinstance(entries, Recording) else entries
    return [
        repr((replace(one, values={}, original_text={}), sorted(one.values.items())))
        + repr((sorted(one.original_text.items()), given_id))
        for one, given_id, _ in found
    ]


def written(path: Path, format_: str, entries: Recording | list[Entry]) -> Recording:
    """Return the recording that these entries make."""
    found = entries.entries() if isinstance(entries, Recording) else entries
    with writer_for(format_)(path, overwrite=True) as writer:
        for entry in found:
            writer.add(entry)
    return open_recording(path, format=format_)


def event(values: Mapping[str, object], **changes: object) -> TcsEvent:
    """Return an event with these values."""
    fields = {
        "data_time": 1526374800_123456,
        "wire_time": 1526374800_125000,
        "system": "tcs",
        "source": "root",
        "key": "ra_dec",
        "more_data": False,
        "values": values,
        "original_text": {},
    }
    return TcsEvent(**{**fields, **changes})  # type: ignore[arg-type]  # a test's short hand
