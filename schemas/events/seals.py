"""What was sealed: a night's records, counted and digested, so that a later change is found."""

from typing import Annotated

from schemas.declare import REPORTED, Doc, Micros, event


@event(REPORTED)
class NightSealed:
    """A night was sealed: what the log and the tables had of it is written down."""

    time: Micros
    night: Annotated[str, Doc("the date that names the night")]
    version: Annotated[int, Doc("1, and one more for each time that the night had changed")]
    records: Annotated[int, Doc("how many records of the night the log had")]
    contents: Annotated[str, Doc("the seal, JSON: the text of the file seal.json")]

    @property
    def record_key(self) -> str:
        """The night."""
        return self.night
