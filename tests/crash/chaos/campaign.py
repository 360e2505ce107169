"""One site under load, one blow after the other, and what is found whenever it settles."""

import random
import sys
import time
from collections.abc import Callable
from itertools import islice
from math import inf
from pathlib import Path

from infra.clock import utc_micros
from infra.log import topics
from schemas.topics import RECORDED
from schemas.utc import MICROS, iso
from tests.crash.chaos.result import Result
from tests.crash.chaos.schedule import SERVING, Blow, blows
from tests.crash.chaos.script import PLAIN, SOURCES, TELESCOPE, Script
from tests.crash.chaos.settling import Settling
from tests.crash.chaos.sites import Site
from tests.crash.chaos.strikes import PUBLISHER, Strikes, words
from tests.crash.chaos.timing import Timing
from tests.crash.chaos.troupe import Player, Troupe

ROUNDS_BETWEEN = 50
_PAST_S = 330  # the first notices are too late already
_RATES = {TELESCOPE: 80, **dict.fromkeys(PLAIN, 100)}  # records a second
_POLL_S = 0.02
_OFFICE_S = 6.0
_START_S, _WATCH_S, _ERRAND_S = 120.0, 60.0, 240.0


class Campaign:
    """A site with its processes, and what happens to them."""

    def __init__(self, site: Site, folder: Path, seed: int, between: int) -> None:
        self._between = between
        self._site, self._troupe, self._timing = site, Troupe(), Timing()
        self._troupe.serves_again = self._timing.started
        self._logs = folder / "logs"
        self._logs.mkdir()
        self._diary = (folder / "diary.txt").open("w", encoding="utf-8", buffering=1)
        self._chance = random.Random(seed)
        self._script = Script(utc_micros() - _PAST_S * MICROS)
        self._strikes = Strikes(site, self._troupe, self._timing, site.stage.views)
        self.result = Result(site.name, seed, self._strikes.kills, self._strikes.dealt)
        self.result.timing, self.result.faults = self._timing, self._troupe.faults
        topics.ensure(site.stage.cluster, RECORDED)
        for role in SERVING:
            for number in (1, 2):
                name = f"{role}-{number}"
                command = words(site.stage, "run", role, "--instance", name)
                self._troupe.add(Player(role, name, command, site.stage, self._logs))
        self._until(lambda: all(map(self._troupe.holder, SERVING)), _START_S)
        self._settling = Settling(site.stage, self._script, self.result)

    def run(self, kills: int, minutes: float) -> Result:
        """Deal blows until so many processes were killed, or so much time has passed.

        Settles now and then, and at the end.
        """
        deadline = time.monotonic() + 60 * minutes
        schedule = blows(self.result.seed, self._site.kinds)
        while self._killed() < kills and time.monotonic() < deadline:
            self._publish()
            for blow in islice(schedule, self._between):
                self._deal(blow)
                if self._killed() >= kills:
                    break
            self._settle()
            if not self.result.is_clean:
                return self.result
        self._settling.replay()
        self._timing.judge()
        return self.result

    def _killed(self) -> int:
        self._strikes.kills["at named points"] = self._troupe.died_at_points
        return sum(self._strikes.kills.values())

    def _deal(self, blow: Blow) -> None:
        deadline = time.monotonic() + _OFFICE_S * blow.in_office
        while time.monotonic() < deadline and self._troupe.holder(blow.role) is None:
            self._tend()
        self._diary.write(f"{iso(utc_micros())} {blow}\n")
        self._strikes.strike(blow)
        deadline = time.monotonic() + blow.pause
        while time.monotonic() < deadline:
            self._tend()

    def _tend(self) -> None:
        self._troupe.tend()
        self._strikes.watch()
        time.sleep(_POLL_S)  # the processes have the same few cores

    def _until(self, happened: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not happened() and not self.result.faults:
            if time.monotonic() > deadline:
                self.result.faults.append(f"what was waited for did not come in {seconds:g} s")
            self._tend()

    def _publish(self) -> None:
        for source in SOURCES:
            stage, journal = self._site.stage, self._settling.journal(source)
            options = {
                "--site-file": stage.site_file,
                "--source": source,
                "--journal": journal,
                "--began": self._script.began,
                "--rate": _RATES[source],
            }
            command = ["-m", "tests.crash.chaos.publisher"]
            command += [str(word) for option in options.items() for word in option]
            self._troupe.add(Player(PUBLISHER, source, command, stage, self._logs))

    def _settle(self) -> None:
        """Bring all back, end the publishers, and compare."""
        self._until(lambda: not self._strikes.is_watching, _WATCH_S)
        self._timing.disturb(0.1)
        self._troupe.tend(at_once=True)
        self._site.wait_for_log()
        self._until(lambda: not self._strikes.is_on_errand, _ERRAND_S)
        self._timing.judge()
        for source in SOURCES:
            player = self._troupe.players[source]
            if self._chance.random() < 0.5:  # what is under way then is there once or not at all
                player.kill()
            self._troupe.end(player)
        for player in self._troupe.everyone():
            if player.armed and player.kill():
                player.start()
        self._diary.write(f"{iso(utc_micros())} settles after {self._killed()} kills\n")
        if self._settling.wait(self._tend):
            self._settling.compare()
            self._settling.forget_replays()
            self._strikes.first_offset = self._settling.witness.last_offset
        sys.stderr.write(f"{self._site.name}: {self._killed()} kills\n")

    def close(self) -> None:
        """End all, whatever happened."""
        for player in self._troupe.everyone():
            player.kill()
        self._diary.close()
        self._site.close()


def run(
    folder: Path,
    make: Callable[[Path], Site],
    seed: int,
    kills: int,
    between: int = ROUNDS_BETWEEN,
    minutes: float = inf,
) -> Result:
    """Run a campaign on a new site in a new directory."""
    folder.mkdir()
    site = make(folder / "site")
    try:
        campaign = Campaign(site, folder, seed, between)
    except BaseException:
        site.close()
        raise
    try:
        return campaign.run(kills, minutes)
    finally:
        campaign.close()
