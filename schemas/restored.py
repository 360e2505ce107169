"""Records that an archive brought back: numbered apart from what a log goes on to write.

A restored record keeps its id, cause, epoch and whatever else its headers say. Its source has a
*line* in front, `archive.DIGEST/SOURCE`: a service's seqs are offsets of the log that it read, a
clock's are seconds, so that readers would otherwise take one log's records for repeats of
another's. The seqs stay, and with them the order of each source's records.
"""

from schemas.record import Headers, Provenance

_PREFIX = "archive."
_KEPT = frozenset({"src", "id"})


def line_of(archive: str, run: int = 1) -> str:
    """Return the line of an archive's records; each import that finds some there has another."""
    return f"{_PREFIX}{archive}" + (f".{run}" if run > 1 else "")


def run_of(archive: str, source: str) -> int:
    """Return by which import of an archive a record of this source came; 0 if by none."""
    line = source.partition("/")[0]
    first = line_of(archive)
    if line == first:
        return 1
    name, _, run = line.rpartition(".")
    return int(run) if name == first and run.isdecimal() else 0


def is_restored(provenance: Provenance) -> bool:
    """Whether an archive brought a record back: for services it is the past, whenever it comes.

    Not so what a replay carries of it: there the past happens again.
    """
    return provenance.source.startswith(_PREFIX) and provenance.replay is None


def original_source(source: str) -> str:
    """Return who numbered a record before an archive brought it back."""
    return source.partition("/")[2] if source.startswith(_PREFIX) else source


def restored(line: str, provenance: Provenance, headers: Headers) -> list[tuple[str, bytes]]:
    """Return the headers of a record that is brought back, in place of those that it had."""
    source = f"{line}/{original_source(provenance.source)}:{provenance.seq}"
    others = [header for header in headers if header[0] not in _KEPT]
    return [("src", source.encode()), ("id", provenance.id_bytes), *others]
