"""What can be wrong with what `evctl tail` is asked for, or with what it finds."""

from infra.log.reading import Place
from schemas.errors import EvctlError


class NoSuchPartition(EvctlError):
    """A topic has no partition of this number."""

    exit_code = 2

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        super().__init__(
            f"{topic} has no partition {partition}: it has {partitions}, numbered from 0."
        )
        self.topic, self.partition, self.partitions = topic, partition, partitions


class WhichPartition(EvctlError):
    """An offset was given for a topic of several partitions, each of which has its own."""

    exit_code = 2

    def __init__(self, topic: str, partitions: int) -> None:
        super().__init__(
            f"{topic} has {partitions} partitions with offsets of their own: say which is meant "
            "with --partition."
        )
        self.topic, self.partitions = topic, partitions


class OffsetNotThere(EvctlError):
    """The partition holds no record of this offset."""

    exit_code = 2

    def __init__(self, place: Place, offset: int, low: int, end: int) -> None:
        held = f"offsets {low} to {end - 1}" if end > low else "no records"
        next_one = f"; the next record gets {end}, and --follow waits for it"
        super().__init__(
            f"{place[0]}[{place[1]}] has no offset {offset}: it holds {held}"
            f"{next_one if offset >= end else ''}."
        )
        self.place, self.offset, self.low, self.end = place, offset, low, end


class TooManyLast(EvctlError):
    """More of the last records are asked for than are put in order at once."""

    exit_code = 2

    def __init__(self, asked: int, most: int) -> None:
        super().__init__(
            f"The last {asked:,} records are more than are shown at once ({most:,}): `--from-start`"
            " shows all that there are."
        )
        self.asked, self.most = asked, most


class RecordsUnreadable(EvctlError):
    """Some of the records shown do not decode."""

    exit_code = 65

    def __init__(self, topic: str, records: int) -> None:
        some = "1 record" if records == 1 else f"{records:,} records"
        super().__init__(
            f"{some} of {topic} can't be read: see the reasons beside their positions."
        )
        self.topic, self.records = topic, records
