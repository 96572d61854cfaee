"""Many clients doing the same thing at once, in a few processes, cheaply enough not to be what is measured.

The crowd's own processor time is measured too and said beside each figure.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bench.figures import Figure, figure

PROCESSES = 2
SPAWN = multiprocessing.get_context("spawn")
Step = Callable[[], bool]


class Work(Protocol):
    """What one client does again and again. Travels to other processes, so it holds plain values only."""

    def client(self, number: int) -> Step:
        """Connects client `number` and returns its step, which says whether it went well."""


@dataclass
class Part:
    """What one process of the crowd brings home."""

    latencies: list[float]
    failures: int
    began: float
    ended: float
    processor_seconds: float
    error: str = ""


def measure(
    name: str, work: Work, *, clients: int, seconds: float, limit: int = 1_000_000, note: str = ""
) -> Figure:
    """Runs `clients` clients for `seconds`, or until they have done `limit` steps together."""
    processes = min(PROCESSES, clients)
    shares = [list(range(first, clients, processes)) for first in range(processes)]
    line = SPAWN.Barrier(processes)
    with SPAWN.Pool(processes, initializer=remember_line, initargs=(line,)) as pool:
        waiting = [
            pool.apply_async(run_part, (work, numbers, seconds, limit // clients))
            for numbers in shares
        ]
        parts = [result.get(timeout=seconds + 60) for result in waiting]
    for part in parts:
        if part.error:
            raise RuntimeError(f"{name}: {part.error}")
    return summed_up(name, parts, note)


def summed_up(name: str, parts: list[Part], note: str = "") -> Figure:
    """One figure of all the processes' parts."""
    elapsed = max(part.ended for part in parts) - min(part.began for part in parts)
    used = sum(part.processor_seconds for part in parts)
    return figure(
        name,
        [latency for part in parts for latency in part.latencies],
        elapsed,
        client_share=used / elapsed / (os.cpu_count() or 1) if elapsed else 0.0,
        failures=sum(part.failures for part in parts),
        note=note,
    )


_line: list[threading.Barrier] = []


def remember_line(line: threading.Barrier) -> None:
    """Runs first in each process of the crowd."""
    _line.append(line)


def run_part(work: Work, numbers: list[int], seconds: float, limit: int) -> Part:
    """One process: a thread per client; they begin together with those of the other processes."""
    steps = [work.client(number) for number in numbers]
    part = Part([], 0, 0.0, 0.0, 0.0)
    _line[0].wait(60)
    part.began, processor = time.time(), time.process_time()
    until = time.perf_counter() + seconds
    threads = [threading.Thread(target=repeat, args=(step, until, limit, part)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    part.ended, part.processor_seconds = time.time(), time.process_time() - processor
    return part


def repeat(step: Step, until: float, limit: int, part: Part) -> None:
    """One client. A failed step counts as a failure, not as a latency; one that raises spoils the figure."""
    latencies: list[float] = []
    try:
        repeat_timed(step, until, limit, part, latencies)
    except Exception as error:  # noqa: BLE001 - told by the process that asked for the figure
        part.error = repr(error)
    part.latencies.extend(latencies)


def repeat_timed(step: Step, until: float, limit: int, part: Part, latencies: list[float]) -> None:
    """The loop itself."""
    for _ in range(limit):
        began = time.perf_counter()
        if began > until:
            break
        if step():
            latencies.append(time.perf_counter() - began)
        else:
            part.failures += 1
