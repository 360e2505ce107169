"""A sealed night compared with the log, the tables and the seal's files as they are now."""

from collections.abc import Iterator, Mapping, Sequence

from infra.counting import counted
from infra.log import reading, topics
from infra.log.errors import UnknownSchema
from infra.log.reading import Place, Span
from infra.projecting.verifying import Verdict
from infra.replay.event_time import EventTimes
from infra.sealing import comparing, findings, log_check
from infra.sealing.bases import bases
from infra.sealing.contents import Seal, SealedPartition, SealedView
from infra.sealing.findings import Finding
from infra.sealing.place import Site
from infra.windows import Window
from projections import View
from schemas import avro
from schemas.errors import EvctlError
from schemas.record import Position


def check_files(site: Site, seal: Seal) -> Iterator[Finding]:
    """Yield which files of the seal are missing or altered."""
    for path, how in site.shelf.faults(seal):
        yield Finding("file", f"The seal's file {path} is {how}.")


def check_schemas(site: Site, seal: Seal) -> Iterator[Finding]:
    """Yield which schemas of the night's records are missing, or other ones by now."""
    place = Position("the night's records", 0, 0)
    for sealed in seal.schemas:
        named = f"The schema {sealed.id} ({sealed.name})"
        try:
            schema = site.registry.schema(sealed.id, place)
        except UnknownSchema:
            yield Finding("schema", f"{named} is gone from _schemas: no record of it decodes.")
            continue
        found = f"{avro.fingerprint_of(schema):016x}"
        if found != sealed.fingerprint:
            text = f"{named} has the fingerprint {found} on _schemas, not {sealed.fingerprint}."
            yield Finding("schema", text)


def check_log(site: Site, seal: Seal) -> Iterator[Finding]:
    """Yield where the log lacks records of the sealed night, or has other ones."""
    start, end = site.nights.bounds(seal.night)
    inside = EventTimes(site.registry.decoder).within(start, end)
    there = set(topics.existing(site.cluster))
    for sealed in seal.partitions:
        if not sealed.records:
            continue
        place = sealed.place(site.cluster.namespace)
        if place[0] not in there:
            yield Finding("topic", f"The topic {place[0]} is gone, with {_of_night(sealed)}.")
            continue
        real = topics.describe(site.cluster, [place[0]])[place[0]]
        if real.id != sealed.topic_id:
            yield Finding(
                "topic",
                f"The topic {place[0]} was made anew (id {real.id}, not {sealed.topic_id}).",
            )
        on_log = (
            reading.whole(site.cluster, [place])[place] if place[1] < real.partitions else (0, 0)
        )
        yield from log_check.check(site.cluster, place, sealed, inside, on_log, site.advance)


def _of_night(sealed: SealedPartition) -> str:
    return f"{counted(sealed.records, 'record')} of the night"


def check_late(site: Site, seal: Seal, window: Window) -> Iterator[Finding]:
    """Yield what came of the night since it was sealed; that is no fault."""
    closing = {part.place(site.cluster.namespace): part.closing for part in seal.partitions}
    spans: dict[Place, list[Span]] = {}
    for place, ranges in window.ranges.items():
        start = closing.get(place, 0)
        spans[place] = [(max(first, start), end) for first, end in ranges if end > start]
    inside = EventTimes(site.registry.decoder).within(window.start, window.end)
    came: dict[Place, list[int]] = {}
    for batch in reading.messages(site.cluster, spans):
        for message in filter(inside, batch):
            place, offset = (message.topic(), message.partition()), message.offset()
            first, _, count = came.get(place, (offset, offset, 0))
            came[place] = [first, offset, count + 1]
    for place, (first, last, count) in sorted(came.items()):
        yield findings.late(place, first, last, count)


def check_tables(
    site: Site, seal: Seal, window: Window, verdicts: Sequence[Verdict], *, late: bool
) -> Iterator[Finding]:
    """Yield which tables' rows of the night are not the sealed ones.

    With late records, what the log makes of the others is compared. A view of another definition
    than the sealed one is named, and not compared.
    """
    known = {view.name: view for view in site.views}
    live = {verdict.view: verdict.digests["live"] for verdict in verdicts}
    nightly = [sealed for sealed in seal.views if sealed.night_digest is not None]
    if late:
        live = _as_of(site, seal, window, [known[s.view] for s in nightly if s.view in known])
    for sealed in nightly:
        other = _not_compared(site, seal, sealed, known)
        if other is not None:
            yield other
        elif sealed.view in live and live[sealed.view] != sealed.night_digest:
            yield _differs(sealed, live[sealed.view], sealed.night_digest or "")


def _as_of(site: Site, seal: Seal, window: Window, views: Sequence[View]) -> dict[str, str]:
    closing = {part.place(site.cluster.namespace): part.closing for part in seal.partitions}
    return comparing.of_night(site, views, window, closing, seal.night)


def check_whole(site: Site, seal: Seal, *, from_zero: bool) -> Iterator[Finding]:
    """Yield which views of the whole log come out otherwise than they were sealed.

    They are made from the newest snapshot of an earlier seal, or from the log's beginning.
    """
    known = {view.name: view for view in site.views}
    for sealed in seal.views:
        if sealed.night_digest is not None:
            continue
        other = _not_compared(site, seal, sealed, known)
        if other is not None:
            yield other
            continue
        view, offsets = known[sealed.view], sealed.next_offsets(site.cluster.namespace)
        earlier = () if from_zero else bases(site.seals, site.shelf, view, seal)
        try:
            found = comparing.of_log(site, view, offsets, earlier)
        except EvctlError as fault:
            yield Finding("view", f"{sealed.view} can't be made as of the seal: {fault}")
            continue
        if found != sealed.digest:
            yield _differs(sealed, found, sealed.digest)


def _not_compared(
    site: Site, seal: Seal, sealed: SealedView, known: Mapping[str, View]
) -> Finding | None:
    if sealed.view not in known:
        text = f"There is no view {sealed.view} any more: it is not compared."
    elif known[sealed.view].definition != sealed.definition:
        text = f"{sealed.view} was sealed by another definition of it: it is not compared."
    elif not site.is_as_decided(seal, sealed):
        text = f"{sealed.view}: records were quarantined, retried or dropped since; seal again."
        return Finding("decided", text, fault=False)
    else:
        return None
    return Finding("definition", text, fault=False)


def _differs(sealed: SealedView, found: str, wanted: str) -> Finding:
    text = f"{sealed.view} has the digest {found[:16]} as of the seal, which says {wanted[:16]}."
    return Finding("view", text)
