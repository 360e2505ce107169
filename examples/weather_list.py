"""A weather station's list, a line a minute: UTC, °C, % of relative humidity, m/s of wind."""

import re
from pathlib import Path

from producers import Entry
from producers.errors import Unfit
from producers.lines import LineRecording, first_line
from schemas import utc
from schemas.events.tcs import TcsEvent, Value

_COLUMNS = ("time", "temperature", "humidity", "wind_speed")
_LINE = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z(;-?\d+(\.\d+)?){3}\s*")


class WeatherList(LineRecording):
    """Four columns with semicolons between them."""

    format = "weather"
    about = "a weather station's list, semicolons between four columns (read only)"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the first line has the list's columns."""
        return _LINE.fullmatch(first_line(path)) is not None

    def read_line(self, line: bytes, number: int) -> Entry:
        """Return the line as the event `legacy.weather.station`."""
        words = line.decode(errors="replace").strip().split(";")
        if len(words) != len(_COLUMNS):
            raise Unfit("", words, f"the {len(_COLUMNS)} columns {' '.join(_COLUMNS)}")
        try:
            time = utc.parse(words[0])
        except utc.NotATime:
            raise Unfit("time", words[0], "an instant such as 2025-11-20T02:00:00Z") from None
        values: dict[str, Value] = {}
        original: dict[str, str] = {}
        for name, text in zip(_COLUMNS[1:], words[1:], strict=True):
            values[name], exact = self.conversion(text)
            if not exact:
                original[name] = text
        event = TcsEvent(time, time, "legacy", "weather", "station", False, values, original)
        return Entry(event, None, number)
