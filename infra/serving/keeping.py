"""What a snapshot of a seat holds, and how it is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from infra.log.reading import Place


@dataclass(frozen=True, slots=True)
class Kept:
    """A seat as it was when every effect of the records before `next_offset` was acknowledged.

    `outputs` are offsets at or before the first effect of any record from `next_offset` on,
    by output partition; `settings` is the digest of the settings in force; `state` is Avro.
    """

    next_offset: int
    epoch: int
    high_waters: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[Place, int] = field(default_factory=dict)
    settings: str = ""
    state: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the snapshot for the database."""
        said = {
            "next_offset": self.next_offset,
            "epoch": self.epoch,
            "high_waters": self.high_waters,
            "outputs": [[*place, offset] for place, offset in sorted(self.outputs.items())],
            "settings": self.settings,
            "state": self.state.hex(),
        }
        return orjson.dumps(said)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Kept":
        """Return the snapshot that the database has."""
        said = orjson.loads(data)
        outputs = {(topic, partition): offset for topic, partition, offset in said["outputs"]}
        state = bytes.fromhex(said["state"])
        return cls(**{**said, "outputs": outputs, "state": state})
