"""What the telescope is asked for, once a chosen shot has its number."""

from collections.abc import Mapping

from consumers.orchestrator.constraints import EXPOSURES
from consumers.orchestrator.limits import Limits
from consumers.orchestrator.state import Pending
from schemas.events.shots import ShotOrder

_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}


def order_of(pending: Pending, number: int, limits: Limits, sent: Mapping[str, str]) -> ShotOrder:
    """Return the order of the shot in hand; what was sent of `run_shot` goes with it."""
    shot = pending.shot
    assert shot is not None
    return ShotOrder(
        shotid=shot.shotid,
        obs_number=number,
        ra=shot.ra,
        dec=shot.dec,
        azimuth=pending.azimuth,
        track=pending.track,
        exposures=[limits.constraints.exposure_s] * EXPOSURES,
        metadata=dict(shot.metadata),
        by_hand=False,
        followed=True,
        dither_with_probes=_truth(sent.get("dither_with_probes")),
        wait_last_write=_truth(sent.get("wait_last_write")),
        shuffle_shot=sent.get("shuffle_shot"),
        shuffle_conf_template=sent.get("shuffle_conf_template"),
        acam_dest_file=sent.get("acam_dest_file"),
    )


def _truth(text: str | None) -> bool | None:
    return None if text is None else _TRUTHS.get(text.lower())
