"""Clocks that step: a little, as they may, and an hour, as they must not."""

from __future__ import annotations

import random
import time

import psycopg2

from chaos.clock import CACHE_SECONDS, Clocks
from chaos.faults.kind import PROCESSES, Fault, Kind, Notes, only
from chaos.system import DATABASE, ChaosSystem

SMALL, LARGE = 2.0, 3600.0
# A process looks at its clock's file when a whole second more than that has passed.
SEEN_SECONDS = CACHE_SECONDS + 1.2


def step(system: ChaosSystem, fault: Fault, size: float) -> Notes:
    """Forwards or back, and after a while right again."""
    if system.clocks is None:
        return {}
    seconds = random.Random(fault.seed).choice((-size, size))  # nosec B311 # chance, no secret
    with system.clocks.off_by(fault.target, seconds):
        time.sleep(SEEN_SECONDS + fault.seconds)
    time.sleep(SEEN_SECONDS)
    return {"off_by": seconds}


def step_a_little(system: ChaosSystem, fault: Fault) -> Notes:
    """Within what the services tolerate of each other."""
    return step(system, fault, SMALL)


def step_an_hour(system: ChaosSystem, fault: Fault) -> Notes:
    """Beyond it: the process refuses and is refused; nothing may be lost or done twice."""
    return step(system, fault, LARGE)


def step_database(system: ChaosSystem, fault: Fault) -> Notes:
    """PostgreSQL's own clock: what waits in an outbox must not wait for an hour to pass again."""
    noted = step(system, fault, random.Random(fault.seed + 1).choice((SMALL, LARGE)))  # nosec B311 # chance, no secret
    system.wait(lambda: is_right(system), "PostgreSQL's clock is still wrong")
    return noted


def is_right(system: ChaosSystem) -> bool:
    """Whether PostgreSQL's clock is ours again."""
    try:
        moment = system.sql("booking", "SELECT extract(epoch FROM clock_timestamp())::float8")[0][0]
    except psycopg2.OperationalError:
        return False
    return bool(abs(moment - time.time()) < SMALL / 2)


def has_clocks(system: ChaosSystem) -> bool:
    """Whether libfaketime is there."""
    return isinstance(system.clocks, Clocks)


KINDS = (
    Kind(
        "clock-step",
        "a service's clock 2 s off",
        step_a_little,
        PROCESSES,
        available=has_clocks,
        seconds=(1.0, 3.0),
        weight=2,
    ),
    Kind(
        "clock-jump",
        "a service's clock an hour off",
        step_an_hour,
        PROCESSES,
        available=has_clocks,
        seconds=(1.0, 3.0),
        weight=2,
    ),
    Kind(
        "database-clock",
        "PostgreSQL's clock off",
        step_database,
        (DATABASE,),
        only(DATABASE),
        available=has_clocks,
        seconds=(1.0, 3.0),
        weight=2,
    ),
)
