"""`python -m infra.apicurio install [--if-possible]`: fetch Apicurio Registry for the tests.

With --if-possible, only say what hinders it.
"""

import argparse
import sys

from infra.apicurio.server import ApicurioMissing, install


def main() -> int:
    """Do as told; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.apicurio", description=__doc__)
    parser.add_argument("action", choices=["install"])
    parser.add_argument("--if-possible", action="store_true")
    arguments = parser.parse_args()
    try:
        install()
    except ApicurioMissing as missing:
        if not arguments.if_possible:
            sys.stderr.write(f"{missing}\n")
            return missing.exit_code
        sys.stdout.write(f"{missing}\nUntil then the tests that use Apicurio are skipped.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
