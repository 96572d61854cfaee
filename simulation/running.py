"""Many schedules over a few processes, and what to say of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Final

from simulation.schedule import Result, run
from simulation.world import Parts

CHUNK: Final = 250
MOST_FAILURES: Final = 5


@dataclass(frozen=True)
class Summary:
    """What many schedules came to. `failures` are some of the broken ones, the shortest first."""

    schedules: int
    steps: int
    seconds: float
    failures: Sequence[Result]

    def __str__(self) -> str:
        rate = self.schedules / max(self.seconds, 0.001)
        return (
            f"{self.schedules} schedules, {self.steps} steps, {self.seconds:.0f} s "
            f"({rate:.0f} schedules per second), broken: {len(self.failures)}"
        )


def run_chunk(seeds: range, parts: Parts | None = None) -> tuple[int, list[Result]]:
    """Runs the schedules of some seeds; returns the steps and what was broken."""
    results = [run(seed, parts) for seed in seeds]
    broken = [result for result in results if result.violations]
    return sum(result.steps for result in results), broken


def run_many(first: int, schedules: int, processes: int | None = None) -> Summary:
    """Runs the schedules of so many seeds from `first` on; stops early when enough are broken."""
    began = time.monotonic()
    done = steps = 0
    failures: list[Result] = []
    with ProcessPoolExecutor(processes or min(os.cpu_count() or 1, 2)) as pool:
        for seeds, (taken, broken) in zip(
            chunks(first, schedules), pool.map(run_chunk, chunks(first, schedules)), strict=True
        ):
            done, steps = done + len(seeds), steps + taken
            failures += broken
            if len(failures) >= MOST_FAILURES:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    failures.sort(key=lambda result: result.steps)
    return Summary(done, steps, time.monotonic() - began, failures)


def chunks(first: int, schedules: int) -> Iterator[range]:
    """The seeds in pieces of work."""
    end = first + schedules
    return (range(start, min(start + CHUNK, end)) for start in range(first, end, CHUNK))


def first_broken(parts: Parts, most: int, first: int = 0) -> Result | None:
    """The first schedule in which a mutant breaks a promise; None if that needs more than `most`."""
    results = (run(seed, parts) for seed in range(first, first + most))
    return next((result for result in results if result.violations), None)


def report(result: Result) -> Iterator[str]:
    """A broken schedule, to be read and to be run again."""
    again = run(result.seed, tracing=True)
    yield from again.lines()
    broken = (f"BROKEN: {violation}" for violation in result.violations)
    replay = f"again: bin/chaos simulate --seed {result.seed} --schedules 1"
    yield from chain(["", f"seed {result.seed}, {result.steps} steps"], broken, [replay])
