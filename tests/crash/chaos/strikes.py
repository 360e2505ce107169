"""How each blow is dealt, and how what it took away comes back."""

from collections import Counter
from dataclasses import dataclass, field

from infra.clock import utc_micros
from schemas.utc import MICROS
from tests.crash.chaos.schedule import Blow, Kind
from tests.crash.chaos.sites import Site
from tests.crash.chaos.timing import Timing
from tests.crash.chaos.troupe import Player, Troupe
from tests.e2e.stage import Stage

PUBLISHER = "publisher"
_EVCTL = ("-m", "infra.cli")
_PATIENCE_S = 20.0
_DATABASE_BACK_S = 2.0


@dataclass(slots=True)
class Watch:
    """A holder that was killed and is not started again before its standby serves."""

    killed: Player
    standby: Player
    since: int


@dataclass
class Strikes:
    """Deals blows, and counts the processes that it killed, by what they were."""

    site: Site
    troupe: Troupe
    timing: Timing
    views: list[str]
    kills: Counter[str] = field(default_factory=Counter)
    dealt: Counter[Kind] = field(default_factory=Counter)
    first_offset: int = 0
    """Where replays begin: at a record that is there, or they would refuse to play nothing."""

    _watches: dict[str, Watch] = field(default_factory=dict)
    _harmed: bool = False
    _errands: int = 0

    def strike(self, blow: Blow) -> None:
        """Deal a blow, as far as there is something left to be hit."""
        self.dealt[blow.kind] += 1
        player = self.troupe.players[f"{blow.role}-{blow.number}"]
        match blow.kind:
            case Kind.KILL_PUBLISHER:
                self._kill(self.troupe.players[blow.source], blow.away)
            case Kind.LOG | Kind.FULL:
                self._hit_log(blow)
            case Kind.DATABASE | Kind.LOCKED | Kind.CUT:
                self._hit_database(blow)
            case Kind.REBUILD | Kind.REPLAY:
                self._errand(blow)
            case Kind.SETTINGS:
                self._change_settings(blow)
            case _ if blow.role in self._watches:
                pass
            case Kind.KILL_HOLDER:
                self._kill_holder(blow)
            case Kind.KILL_BOTH:
                self.timing.disturb(blow.away + 2, blow.role)
                for number, one in enumerate(self.troupe.of(blow.role)):
                    self._kill(one, blow.away + number * blow.share)
            case Kind.STOP:
                self._stop(player, blow.away)
            case Kind.POINT:
                holder = self.troupe.holder(blow.role)  # who stands by comes to no point
                self._kill(holder or player, blow.away / 4, blow.point)
            case _:
                self._kill(player, blow.away)

    def watch(self) -> None:
        """See whether standbys have taken over, and start again those that they stood in for."""
        for role, watch in list(self._watches.items()):
            then = next((at for at in watch.standby.took() if at > watch.since), None)
            now = utc_micros()
            if then is None and now - watch.since < _PATIENCE_S * MICROS:
                continue
            self.timing.stood_in(role, watch.since, then or now)
            self.troupe.start_again(watch.killed)
            del self._watches[role]

    @property
    def is_watching(self) -> bool:
        """Whether a standby has to take over yet."""
        return bool(self._watches)

    @property
    def is_on_errand(self) -> bool:
        """Whether a rebuild or a replay runs."""
        return any(not player.lasting for player in self.troupe.everyone())

    def _kill(self, player: Player, away: float, armed: str = "") -> None:
        """Kill a process, and start it again in a while."""
        held = self.troupe.holder(player.role) is player
        self.timing.over(player)
        if not self.troupe.kill(player):
            return
        self.kills["publisher" if player.role == PUBLISHER else "process"] += 1

        def again() -> None:
            starts = player.starts
            self.troupe.start_again(player, armed)
            if held and not armed and player.starts > starts:
                self.timing.started(player)

        self.troupe.later(away, again)

    def _kill_holder(self, blow: Blow) -> None:
        holder = self.troupe.holder(blow.role)
        others = [one for one in self.troupe.of(blow.role) if one is not holder and one.runs]
        if holder is None or not others or others[0].armed:
            self._kill(self.troupe.of(blow.role)[0], blow.away)
            return
        since = utc_micros()
        self.timing.over(holder)
        if self.troupe.kill(holder):
            self.kills["process"] += 1
            self._watches[blow.role] = Watch(holder, others[0], since)

    def _stop(self, player: Player, away: float) -> None:
        if player.runs and not self._harmed:  # on SQLite the lock is ours then, and stops nobody
            self.timing.over(player)
            self.timing.disturb(away + 1, player.role)
            self.troupe.later(away, player.stop())

    def _change_settings(self, blow: Blow) -> None:
        player = self.troupe.players[f"silence-{blow.number}"]
        site = self.site
        player.stage = site.other if player.stage is site.stage else site.stage
        player.words = words(player.stage, *player.words[4:])
        if "silence" not in self._watches:
            self._kill(player, blow.away)

    def _hit_log(self, blow: Blow) -> None:
        site, is_full = self.site, blow.kind is Kind.FULL
        self.timing.disturb(blow.away + site.log_back_s)

        def again() -> None:
            if is_full and site.kill_log():
                self.kills["log"] += 1
            site.start_log()

        if site.fill_disk() if is_full else site.kill_log():
            self.kills["log"] += 1
            self.troupe.later(blow.away, again)

    def _hit_database(self, blow: Blow) -> None:
        if self._harmed:
            return
        self._harmed = True
        self.timing.disturb(blow.away + _DATABASE_BACK_S)
        bring_back = self.site.harm_database(blow.kind)
        self.kills["database"] += blow.kind is Kind.DATABASE

        def again() -> None:
            bring_back()
            self._harmed = False

        self.troupe.later(blow.away, again)

    def _errand(self, blow: Blow) -> None:
        """Run a command that ends by itself, or is killed before."""
        if self.is_on_errand:
            return
        self._errands += 1
        name = f"{blow.kind}-{self._errands}"
        view = self.views[int(blow.share * len(self.views))]
        start = str(self.first_offset)
        command = {
            Kind.REBUILD: ("rebuild", view),
            Kind.REPLAY: ("replay", "--from-offset", start, "--speed", "max", "--id", name),
        }[blow.kind]
        stage = self.site.stage
        logs = self.troupe.players["silence-1"].logs
        player = Player(name, name, words(stage, *command), stage, logs, lasting=False)
        self.troupe.players[name] = player
        player.start(blow.point if blow.kind is Kind.REBUILD and blow.number == 2 else "")
        if blow.share < 0.75:
            self.troupe.later(0.5 + 2 * blow.away, lambda: self._kill_errand(player, blow.kind))

    def _kill_errand(self, player: Player, kind: Kind) -> None:
        if self.troupe.players.get(player.name) is player and self.troupe.kill(player):
            self.kills[kind] += 1
            del self.troupe.players[player.name]


def words(stage: Stage, *command: str) -> list[str]:
    """Return the command line of an evctl on a site."""
    return [*_EVCTL, "--site-file", str(stage.site_file), *command]
