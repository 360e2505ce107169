"""What happens to recordings of nights."""

from typing import Annotated

from schemas.declare import REPORTED, Doc, Micros, event


@event(REPORTED)
class RecordingImported:
    """A recording was appended to the log, all of it that was not there before."""

    time: Micros
    source: Annotated[str, Doc("digest of the recording's content: the source of its records")]
    file_name: str
    format: str
    events: Annotated[int, Doc("events in the recording")]
    added: Annotated[int, Doc("events appended by this import; the others were on the log")]
    first_time: Annotated[Micros, Doc("earliest event time in the recording")]
    last_time: Annotated[Micros, Doc("latest event time in the recording")]
