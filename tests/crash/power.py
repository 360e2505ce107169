"""What a disk may hold after the power is lost, made from a journal of what it had promised."""

import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

_PAGE = 4096
RECENT = "checkpoint"  # never synced, so it may be there, empty, or an older one


@dataclass(slots=True)
class Promised:
    """The journal: directories' entries by path, and sizes by inode, as of their last sync."""

    entries: dict[str, dict[str, int]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, journal: Path) -> "Promised":
        """Read a journal; its last line may be cut off."""
        promised = cls()
        for text in journal.read_text().splitlines(keepends=True):
            if not text.endswith("\n"):
                break
            line = json.loads(text)
            if "entries" in line:
                promised.entries[line["path"]] = line["entries"]
            else:
                promised.sizes[line["inode"]] = line["size"]
        return promised


class PowerLoss:
    """Takes a data directory to what a disk may hold after the power was lost.

    What was synced is there. Of the rest each part is kept or lost by chance, if `lucky`; else all
    of it is lost, and every file is cut to its last-synced length.
    """

    def __init__(self, journal: Path, chance: random.Random, *, lucky: bool) -> None:
        self._promised = Promised.read(journal)
        self._kept = journal.with_suffix(".kept")
        self._chance = chance
        self._lucky = lucky

    def strike(self, data_dir: Path) -> None:
        """Replace `data_dir` by what is left of it."""
        before = data_dir.with_name(data_dir.name + ".before")
        data_dir.rename(before)
        self._restore(before, data_dir, self._promised.entries.get(str(data_dir), {}), data_dir)
        shutil.rmtree(before)
        (data_dir / "boot").write_text("before")

    def _restore(self, old: Path, new: Path, entries: dict[str, int], known_as: Path) -> None:
        new.mkdir(mode=0o700)
        now = {path.name: path.stat().st_ino for path in old.iterdir()}
        for name in sorted(entries.keys() | now.keys()):
            inode = entries.get(name)
            if name in now and inode != now[name] and self._lucky and self._chance.random() < 0.5:
                inode = now[name]  # a new name, or a new file of the name, reached the disk
            elif name not in now and self._lucky and self._chance.random() < 0.5:
                continue  # so did its removal
            if inode is None:
                continue
            if (old / name).is_dir():
                listed = self._promised.entries.get(str(known_as / name), {})
                self._restore(old / name, new / name, listed, known_as / name)
            else:
                (new / name).write_bytes(self._content(old / name, inode, now.get(name)))
        recent = new / RECENT
        if recent.exists() and recent.stat().st_size:
            recent.write_text(json.dumps(json.loads(recent.read_text()) | {"boot": "before"}))

    def _content(self, path: Path, inode: int, now: int | None) -> bytes:
        source = path if inode == now else self._kept / str(inode)
        content = source.read_bytes() if source.exists() else b""
        safe = min(self._promised.sizes.get(inode, 0), len(content))
        if path.name == RECENT:
            return content if self._lucky and self._chance.random() < 0.7 else b""
        if not self._lucky or safe == len(content):
            return content[:safe]
        how = self._chance.randrange(4)
        if how == 0:
            return content[:safe]
        if how == 1:
            return content
        end = self._chance.randint(safe, len(content))
        if how == 2:
            return content[:end] + bytes(self._chance.randrange(2 * _PAGE))
        hole = bytearray(content)
        first = -(-safe // _PAGE) * _PAGE
        pages = range(first, len(content), _PAGE)
        if pages:
            at = self._chance.choice(pages)
            hole[at : at + _PAGE] = bytes(len(hole[at : at + _PAGE]))
        return bytes(hole)
