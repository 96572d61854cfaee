"""bin/chaos simulate: runs the core in many orders of events. Ends with 1 if a promise was broken in one of them.

bin/chaos simulate --schedules 100000            from seed 0 on
bin/chaos simulate --seed 4711 --schedules 1     one again, with its trace
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from simulation.running import report, run_many
from simulation.schedule import run


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="bin/chaos simulate", description=__doc__)
    parser.add_argument("--schedules", type=count, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the first schedule's (default: 0)")
    parser.add_argument("--processes", type=count, default=None, help="at once (default: 2)")
    wanted = parser.parse_args(arguments)
    if wanted.schedules == 1:
        return show(wanted.seed)
    summary = run_many(wanted.seed, wanted.schedules, wanted.processes)
    if summary.failures:
        shortest, *others = summary.failures
        print("\n".join(report(shortest)))
        print("also broken:", ", ".join(str(one.seed) for one in others) or "none")
    print(summary)
    return 1 if summary.failures else 0


def count(text: str) -> int:
    """Reads how many: none would break nothing and prove nothing."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more: {text}")
    return number


def show(seed: int) -> int:
    """One schedule with its trace."""
    result = run(seed)
    print("\n".join(report(result)))
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
