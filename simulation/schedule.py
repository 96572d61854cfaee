"""One schedule from a seed: what happened in it, and which promises were broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from simulation.clients import Client
from simulation.faults import Faults
from simulation.invariants import violations
from simulation.scheduler import Parking, Scheduler, Step, Stuck
from simulation.store import Fact
from simulation.world import Parts, World

CLIENTS: Final = 3
MOST_OPERATIONS: Final = 4
MOST_FAULTS: Final = 6


@dataclass
class Result:
    """How a schedule ended."""

    seed: int
    steps: int
    violations: list[str]
    trace: list[tuple[float, str, Step]] = field(default_factory=list)
    faults: int = 0

    def lines(self) -> Iterator[str]:
        """The trace, to be read: the moment, who, what."""
        for at, actor, step in self.trace:
            yield f"{at:9.3f}  {actor:<32} {in_words(step)}"


def in_words(step: Step) -> str:
    """A step in the trace."""
    if isinstance(step, tuple):
        what, event = step
        if isinstance(event, Fact):
            return f"{what} {event.name} {event.id} of {event.subject[-40:]}"
        return f"{what} {event}"
    return "waits" if isinstance(step, float | Parking) else step


def run(seed: int, parts: Parts | None = None, *, tracing: bool = False) -> Result:
    """Runs one schedule to its end. The same seed and parts give the same result."""
    scheduler = Scheduler(seed, tracing=tracing)
    world = World(scheduler, parts or Parts())
    clients = [Client(world, f"client {number}") for number in range(CLIENTS)]
    faults = Faults(world)
    for client in clients:
        client.start(scheduler.random.randint(1, MOST_OPERATIONS))
    faults.start(MOST_FAULTS)

    def is_done() -> bool:
        return faults.is_over and all(one.is_done for one in clients) and world.is_quiet

    try:
        scheduler.run(is_done)
        found = violations(world, clients)
    except Stuck as error:
        found = [f"it does not come to rest: {error}"]
    return Result(seed, scheduler.steps, found, scheduler.trace)
