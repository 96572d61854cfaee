"""What a fault is: a kind, what it hits and for how long; it injects itself, holds and heals in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaos.system import COPIES, ChaosSystem
from local_runner.places import SERVICES

Notes = dict[str, Any]
PROCESSES = tuple(f"{name}.{number + 1}" for name in SERVICES for number in range(COPIES[name]))


@dataclass(frozen=True)
class Fault:
    """One of a kind. `seconds` is how long it lasts, `seed` decides what else there is to choose."""

    kind: Kind
    target: str
    seconds: float
    seed: int

    @property
    def hits(self) -> frozenset[str]:
        """What no other fault may hit or need meanwhile."""
        return self.kind.hits(self.target)

    @property
    def needs(self) -> frozenset[str]:
        """What no other fault may hit meanwhile."""
        return frozenset(self.kind.needs)

    @property
    def request(self) -> Notes:
        """Its parameters, for the history."""
        return {"target": self.target, "seconds": self.seconds, "seed": self.seed}

    def run(self, system: ChaosSystem) -> Notes:
        """Returns when it is healed and what was stopped runs again, with what is worth noting."""
        return self.kind.run(system, self) or {}

    def __str__(self) -> str:
        return f"{self.kind.name} {self.target}".strip()


def the_target(target: str) -> frozenset[str]:
    """A fault of one process, which may also be written process/server."""
    return frozenset({target.partition("/")[0]})


def always(_system: ChaosSystem) -> bool:
    """Everywhere."""
    return True


@dataclass(frozen=True)
class Kind:
    """A way to do harm.

    `weight` says how often it is drawn, `seconds` how long it may last. A run of every kind once hits each process if
    `each_target` says so, for the shortest time unless `once_seconds` says another.
    """

    name: str
    says: str
    run: Callable[[ChaosSystem, Fault], Notes | None]
    targets: tuple[str, ...] = ("",)
    hits: Callable[[str], frozenset[str]] = the_target
    needs: tuple[str, ...] = ()
    weight: int = 1
    seconds: tuple[float, float] = (2.0, 4.0)
    available: Callable[[ChaosSystem], bool] = always
    each_target: bool = False
    once_seconds: float | None = None


def only(*resources: str) -> Callable[[str], frozenset[str]]:
    """The same whatever the target is."""
    return lambda target: frozenset(resources)
