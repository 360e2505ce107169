"""The night report: what was played, how well, and whether all tables agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.replay.report import factor


@dataclass(slots=True)
class Told:
    """What happened on the stage; times in s, lags in records."""

    recording: str = ""
    imported: str = ""
    import_s: float = 0.0
    live_lag: int = 0
    replay: Mapping[str, Any] = field(default_factory=dict)
    replay_lag: int = 0
    killed_at: int = 0
    back_after_s: float = 0.0
    caught_up_s: float = 0.0
    rebuilt: Mapping[str, str] = field(default_factory=dict)
    verdict: Mapping[str, Any] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether everything that should be the same is."""
        whole = bool(self.replay["complete"]) and self.replay["out_of_order"] == 0
        return whole and bool(self.verdict["agrees"])


def text(told: Told) -> str:
    """Return the report as people read it."""
    replay = told.replay
    lines = [
        "Night report",
        f"  recording    {told.recording}",
        (
            f"  imported     {told.imported} in {told.import_s:.1f} s;"
            f" tables at most {told.live_lag:,} records behind"
        ),
        (
            f"  replayed     {replay['records']:,} records at {_speed(replay['achieved_speed'])}"
            f" (asked for {_speed(replay['requested_speed'])}) in {replay['duration']:.1f} s"
        ),
        f"  pacing       {_lateness(replay)}, out of order {replay['out_of_order']}",
        (
            f"  projections  2 processes; one killed (SIGKILL) at record {told.killed_at:,} and"
            f" back {told.back_after_s:.1f} s later"
        ),
        (
            f"  lag          at most {told.replay_lag:,} records; 0 at the end,"
            f" {told.caught_up_s:.1f} s after the last record"
        ),
        f"  rebuilt      {', '.join(told.rebuilt)}",
        "",
        *_digests(told.verdict["views"]),
        "",
        "Live, replayed and rebuilt tables agree."
        if told.agrees
        else "Something DISAGREES: see above.",
    ]
    return "\n".join(lines)


def _speed(speed: float | str) -> str:
    return speed if isinstance(speed, str) else factor(speed)


def _lateness(replay: Mapping[str, Any]) -> str:
    if replay["lateness_p50"] is None:
        return "as fast as possible, without deadlines"
    p50, p99, most = (replay[f"lateness_{name}"] for name in ("p50", "p99", "max"))
    return f"lateness p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms"


def _digests(views: list[Mapping[str, Any]]) -> list[str]:
    lines = [f"  {'view':<16}{'rows':>8}  {'live':<18}{'replayed':<18}{'rebuilt':<18}"]
    for view in views:
        shown = "".join(
            f"{view['digests'][side][:16]:<18}" for side in ("live", "replayed", "rebuilt")
        )
        said = "same" if view["agrees"] else "DIFFERENT"
        lines.append(f"  {view['view']:<16}{view['rows']:>8,}  {shown}{said}")
    return lines
