"""`bin/bench`: see `--help`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import report
from bench.figures import Figure
from bench.measures import MEASUREMENTS, QUICK, REFERENCES, WHOLE, Size
from bench.system import Measured, already_running, fresh
from local_runner.errors import CannotStart

RESULTS = Path(__file__).parent / "results.json"


LEGEND = """
x raw   p50 divided by that of the raw reference
cpu ms  processor time that one step cost all of the system's processes together, database and broker included
client  the measuring clients' own share of all processor cores
The last two columns are DESIGN.md's figure and what of it was reached."""
CROWDED = """
Warning: the machine was busy with something else (load {load:.1f} on {cores} cores): look at ratios and 'cpu ms'."""


def main(arguments: Sequence[str]) -> int:
    """1 when something that was measured also failed."""
    options = parse(arguments)
    chosen = [name for name in MEASUREMENTS if not options.only or name in options.only]
    chosen = list(dict.fromkeys([*REFERENCES, *chosen])) if options.only else chosen
    load = os.getloadavg()[0]
    with system(options.url) as measured:
        figures = list(measure_all(chosen, measured, QUICK if options.quick else WHOLE))
    print("\n" + report.table(figures))
    print(LEGEND)
    if load > 1:
        print(CROWDED.format(load=load, cores=os.cpu_count()))
    report.store(figures, options.output, quick=options.quick, load=load)
    print(f"Written to {options.output}")
    return 1 if any(figure.failures for figure in figures) else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description="Measures Tandem beside what its parts cost bare, in one run on this machine.",
        epilog=f"NAME is one of: {', '.join(MEASUREMENTS)}. The raw references are always measured.",
    )
    parser.add_argument("--quick", action="store_true", help="less time and less data")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=list(MEASUREMENTS), help="just this one"
    )
    parser.add_argument(
        "--url", help="measure a running system; AMQP_URL and DATABASE_URL name its servers"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help=f"default {RESULTS}")
    return parser.parse_args(arguments)


@contextmanager
def system(url: str | None) -> Iterator[Measured]:
    """A given system, or a fresh one."""
    if url:
        yield already_running(url)
        return
    print("Starting a system of its own ...", flush=True)
    with fresh() as measured:
        yield measured


def measure_all(names: Sequence[str], measured: Measured, size: Size) -> Iterator[Figure]:
    """Says each figure as soon as it is there."""
    for name in names:
        with contextlib.closing(MEASUREMENTS[name](measured, size)) as figures:  # type: ignore[type-var]
            for figure in figures:
                print(sentence(figure), flush=True)
                yield figure


def sentence(figure: Figure) -> str:
    """A figure as it comes, with what the table has no room for."""
    text = f"{figure.name}: p50 {figure.p50:.2f} ms, p99 {figure.p99:.2f} ms, {figure.per_second:,.0f} per second"
    if figure.failures:
        text += f", {figure.failures} FAILED"
    if figure.processor_ms:
        shares = ", ".join(f"{name} {ms:.2f}" for name, ms in figure.processor_ms.items())
        text += f"\n    processor ms: {shares}"
    return text + (f"\n    {figure.note}" if figure.note else "")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as error:
        sys.exit(f"bin/bench: {error}")
