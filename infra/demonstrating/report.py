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
    killed: str = ""
    killed_at: int = 0
    took_over: str = ""
    took_over_s: float = 0.0
    back_after_s: float = 0.0
    caught_up_s: float = 0.0
    quarantined: int = 0
    rebuilt: Mapping[str, str] = field(default_factory=dict)
    verdict: Mapping[str, Any] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether everything that should be the same is."""
        whole = bool(self.replay["complete"]) and self.replay["out_of_order"] == 0
        return whole and all(self.same(view) for view in self.verdict["views"])

    def same(self, view: Mapping[str, Any]) -> bool:
        """Whether a view's digests are one, the tables' too that were rebuilt and now serve."""
        return len({*view["digests"].values(), self.rebuilt[view["view"]]}) == 1


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
            f"  projections  2 processes in one group; {told.killed} wrote, was killed (SIGKILL)"
            f" at record {told.killed_at:,};"
        ),
        (
            f"               {told.took_over} took over {told.took_over_s:.1f} s later, and"
            f" {told.killed} was back to stand by after {told.back_after_s:.1f} s"
        ),
        (
            f"  lag          at most {told.replay_lag:,} records; 0 at the end,"
            f" {told.caught_up_s:.1f} s after the last record"
        ),
        f"  quarantined  {told.quarantined:,} records",
        f"  rebuilt      {', '.join(sorted(told.rebuilt))}",
        "",
        *_digests(told),
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


def _digests(told: Told) -> list[str]:
    lines = [f"  {'view':<16}{'rows':>8}  {'live':<18}{'replayed':<18}{'rebuilt':<18}"]
    for view in told.verdict["views"]:
        shown = "".join(
            f"{digest[:16]:<18}"
            for digest in (
                view["digests"]["live"],
                view["digests"]["replayed"],
                told.rebuilt[view["view"]],
            )
        )
        said = "same" if told.same(view) else "DIFFERENT"
        lines.append(f"  {view['view']:<16}{view['rows']:>8,}  {shown}{said}")
    return lines
