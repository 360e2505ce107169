"""A night sealed: its records digested, its tables proven and kept, all written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from infra import clock
from infra.database.seats import Seat, SeatStore
from infra.database.snapshots import Kept, file_digest, keep
from infra.log import topics
from infra.log.reading import Place
from infra.projecting.catching_up import Tables
from infra.sealing import checking, comparing
from infra.sealing.bases import bases
from infra.sealing.contents import (
    Seal,
    SealedPartition,
    SealedSchema,
    SealedView,
    positions_of,
)
from infra.sealing.findings import Finding
from infra.sealing.place import Site
from infra.sealing.standings import standings
from infra.sealing.stretches import Stretches, digest_of, of_night
from infra.serving import shelved
from infra.windows import NightIndex, Window, read_index
from projections import View
from schemas import avro
from schemas.errors import EvctlError
from schemas.nights import number_of
from schemas.record import Position
from schemas.topics import RECORDED, bare_name

_ATTEMPTS = 5


class NotProven(EvctlError):
    """A table shows something else than the log makes of it."""

    def __init__(self, view: str, night: str) -> None:
        super().__init__(
            f"{view} shows something else than the log makes of it: {night} is not sealed. "
            f"`evctl rebuild {view} --from-zero`, then seal again."
        )
        self.view, self.night = view, night


class NotAsSealed(EvctlError):
    """The log does not have any more what a seal says."""

    exit_code = 65

    def __init__(self, seal: Seal, found: Sequence[Finding]) -> None:
        others = f" (and {len(found) - 1:,} more)" if found[1:] else ""
        super().__init__(
            f"{seal.night} is not as version {seal.version} sealed it. {found[0].text}{others} "
            f"`evctl verify {seal.night}` says all; put the log right, or seal what it has now "
            "with --anew."
        )
        self.night, self.found = seal.night, found


class NightGrows(EvctlError):
    """Records of the night came as often as it was about to be sealed."""

    exit_code = 75

    def __init__(self, night: str) -> None:
        super().__init__(f"{night} still gets records: seal it when nothing more comes.")
        self.night = night


@dataclass(frozen=True, slots=True)
class Sealed:
    """A night's newest seal, and whether it was made just now: else nothing had changed."""

    seal: Seal
    made: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What the log has of a night."""

    index: NightIndex
    window: Window
    stretches: Mapping[Place, Stretches]

    @property
    def closing(self) -> dict[Place, int]:
        return {place: end for place, (_, end) in self.index.ends.items()}


def seal(site: Site, night: str, *, anew: bool = False) -> Sealed:
    """Seal a night, or return the newest seal if all is as it says.

    Raises `EmptyWindow` where the log has nothing of it, `TablesBehind` where tables do not show
    all of it, `NotProven` where they show something else; and, unless `anew`, `NotAsSealed` where
    the log lacks what the newest seal says.
    """
    with site.shelf.making(night) as folder:
        previous = site.seals.newest(night)
        for _ in range(_ATTEMPTS):
            begun = clock.utc_micros()
            found = _found(site, night)
            partitions = _partitions(site, found)
            if previous is not None and _as_sealed(site, previous, partitions):
                return Sealed(previous, made=False)
            if previous is not None and not anew:
                _require_as_sealed(site, previous)
            kept = _keep(site, night, found, folder)
            shelved.keep(_seats(site), folder)
            if _grown(site, night, found.index):
                continue
            _prove(site, night, found, kept)
            made = Seal(
                night,
                1 if previous is None else previous.version + 1,
                begun,
                f"evctl {metadata.version('evctl')}",
                partitions,
                tuple(_view(view, kept[view.name], folder) for view in site.views),
                _schemas(site, found),
                standings(site.cluster, site.registry, site.seals.all(), found.index, night),
            )
            site.shelf.put(folder, made)
            if not site.seals.append(made):
                raise SealedElsewhere(night)
            return Sealed(made, made=True)
        raise NightGrows(night)


class SealedElsewhere(EvctlError):
    """Another process sealed the night with files in another place."""

    exit_code = 75

    def __init__(self, night: str) -> None:
        super().__init__(
            f"Another process has sealed {night} at the same time, with seals.directory in another "
            "place: use one place for all."
        )
        self.night = night


def _require_as_sealed(site: Site, previous: Seal) -> None:
    """Raise `NotAsSealed` for a log with a fault: a new seal of it would hide that."""
    found = [one for one in checking.check_log(site, previous) if one.fault]
    if found:
        raise NotAsSealed(previous, found)


def _found(site: Site, night: str) -> _Found:
    """Look for the night, once its tables show it: the night index is one of them.

    What a view passed over may lie in the log's tail, and is in no table.
    """
    index = site.index()
    tables = _tables(site, index, index.night(night))
    for view in site.views:
        tables.wait_for(view)
    index = site.index()
    window = index.night(night)
    spans = comparing.before(window, {place: end for place, (_, end) in index.ends.items()})
    return _Found(index, window, of_night(site.cluster, site.registry, window, spans, site.advance))


def _partitions(site: Site, found: _Found) -> tuple[SealedPartition, ...]:
    real = topics.describe(site.cluster, sorted({name for name, _ in found.index.ends}))
    made = []
    for (name, partition), (_, closing) in sorted(found.index.ends.items()):
        of_place = found.stretches.get((name, partition))
        stretches = () if of_place is None else of_place.finish()
        made.append(
            SealedPartition(
                bare_name(name),
                partition,
                real[name].id,
                closing,
                sum(stretch.records for stretch in stretches),
                digest_of(stretches),
                stretches,
            )
        )
    return tuple(made)


def _as_sealed(site: Site, seal: Seal, partitions: tuple[SealedPartition, ...]) -> bool:
    """Whether a seal says of the log, the views and its files what there is."""
    known = {view.name: view.definition for view in site.views}
    return (
        [_content(part) for part in seal.partitions if part.records]
        == [_content(part) for part in partitions if part.records]
        and {view.view: view.definition for view in seal.views} == known
        and all(site.is_as_decided(seal, view) for view in seal.views)
        and not any(site.shelf.faults(seal))
    )


def _content(partition: SealedPartition) -> tuple[object, ...]:
    return partition.topic, partition.partition, partition.topic_id, partition.stretches


def _keep(site: Site, night: str, found: _Found, folder: Path) -> dict[str, Kept]:
    """Write each view's snapshot, once its tables show all of the night."""
    tables = _tables(site, found.index, found.window)
    return {
        view.name: keep(tables.wait_for(view), _fresh(folder / f"{view.name}.sqlite"), night)
        for view in site.views
    }


def _seats(site: Site) -> Sequence[Seat]:
    """Return what services know now, for those who go through later nights again."""
    seats = SeatStore(site.database, site.cluster.namespace)
    return seats.seats() if seats.exists() else ()


def _tables(site: Site, index: NightIndex, window: Window) -> Tables:
    """Return the tables, which have to show all of a window."""
    must = {
        place: (index.ends[place][0], max(end for _, end in spans))
        for place, spans in window.ranges.items()
    }
    return Tables(site.cluster, site.database, must, site.patience)


def _fresh(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


def _grown(site: Site, night: str, index: NightIndex) -> bool:
    """Whether the night has got records since the index was read."""
    covered = {place: end for place, (_, end) in index.ends.items()}
    tail = read_index(site.cluster, index.nights, RECORDED, covered=covered)
    number = number_of(night)
    return bool(tail.ranges(number, number))


def _prove(site: Site, night: str, found: _Found, kept: Mapping[str, Kept]) -> None:
    """Make the views anew from the log, and raise `NotProven` for one that differs."""
    nightly = [view for view in site.views if view.of_night is not None]
    made = comparing.of_night(site, nightly, found.window, found.closing, night)
    for view in site.views:
        shown = kept[view.name]
        if view.of_night is not None:
            same = made[view.name] == shown.night.digest
        else:
            read = {place: row.next_offset for place, row in shown.shown.positions.items()}
            rows = comparing.of_log(site, view, read, bases(site.seals, site.shelf, view))
            same = rows == shown.shown.digest
        if not same:
            raise NotProven(view.name, night)


def _view(view: View, kept: Kept, folder: Path) -> SealedView:
    of_night = view.of_night is not None
    file = f"{view.name}.sqlite"
    return SealedView(
        view.name,
        view.definition,
        kept.shown.rows,
        kept.shown.digest,
        kept.night.rows if of_night else 0,
        kept.night.digest if of_night else None,
        positions_of(kept.shown.positions),
        file,
        file_digest(folder / file),
    )


def _schemas(site: Site, found: _Found) -> tuple[SealedSchema, ...]:
    used: dict[int, Position] = {}
    for stretches in found.stretches.values():
        used |= stretches.schemas
    made = []
    for number, position in sorted(used.items()):
        schema = site.registry.schema(number, position)
        made.append(
            SealedSchema(number, avro.full_name(schema), f"{avro.fingerprint_of(schema):016x}")
        )
    return tuple(made)
