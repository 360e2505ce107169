"""Kills everything under load: `python -m tests.crash.chaos --seed 1 --rounds 1000` (make chaos).

Publishers, services, workers, projections, replays, the log and the database are killed, stopped
and cut off; then all is compared with what was acknowledged.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from math import inf
from pathlib import Path

from tests.crash.chaos import campaign
from tests.crash.chaos.sites import SITES


def main() -> int:
    """Run a campaign on each site and print its table; ends with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--rounds", type=int, default=1000, help="processes to kill on each site")
    parser.add_argument("--between", type=int, default=campaign.ROUNDS_BETWEEN)
    parser.add_argument("--minutes", type=float, default=inf, help="to end after, on each site")
    parser.add_argument("--site", action="append", choices=list(SITES))
    parser.add_argument("--keep", action="store_true", help="the directory, whatever was found")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that runs is ended
    sys.stdout.write(f"seed {args.seed}\n")
    sys.stdout.flush()
    good = True
    for name in args.site or SITES:
        folder = Path(tempfile.mkdtemp(prefix="evctl-chaos-"))
        result = campaign.run(
            folder / "c", SITES[name], args.seed, args.rounds, args.between, args.minutes
        )
        sys.stdout.write(f"\n{result}\n")
        good = good and result.is_clean and result.keeps_bars
        if result.is_clean and not args.keep:
            shutil.rmtree(folder)
        else:
            sys.stdout.write(f"Everything is kept in {folder}.\n")
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
