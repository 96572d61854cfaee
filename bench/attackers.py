"""Attackers: processes of their own, which slow no measuring down, at a bounded rate for a bounded time."""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.crowd import SPAWN
from bench.http import Connection

# An attacker does not wait for one answer before the next request, but has so many connections at most.
CONNECTIONS = 64
# How long the last answers may take.
LAST_SECONDS = 10.0


@dataclass(frozen=True)
class Shot:
    """One request of an attacker, from an address."""

    method: str
    path: str
    payload: dict[str, Any]
    token: str = ""
    address: str = ""


class Weapon(Protocol):
    """Makes an attack's requests. Travels to other processes, so it holds plain values only."""

    def shot(self, number: int) -> Shot:
        """The request with this number."""


@dataclass(frozen=True)
class Pace:
    """`per_second` requests for `seconds`; without a rate each as soon as the last one is answered, `most` in all."""

    per_second: float | None = None
    seconds: float = 3600.0
    most: int = 1_000_000


@dataclass
class Answers:
    """What the attackers were told, and how long they took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def __str__(self) -> str:
        told = ", ".join(f"{count:,} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{told}; {self.statuses.total() / self.seconds:,.1f} per second"


def fire(url: str, weapons: Sequence[Weapon], pace: Pace) -> Answers:
    """A process for each weapon; their answers together. Status 0 is none."""
    began = time.perf_counter()
    with SPAWN.Pool(len(weapons)) as pool:
        parts = pool.starmap(fire_alone, [(url, weapon, pace) for weapon in weapons])
    return Answers(sum(parts, Counter[int]()), time.perf_counter() - began)


def fire_alone(url: str, weapon: Weapon, pace: Pace) -> Counter[int]:
    """One attacker's statuses."""
    if pace.per_second is None:
        gun = Gun(url)
        return Counter(gun.status(weapon.shot(number)) for number in range(pace.most))
    return fire_at_rate(url, weapon, pace, pace.per_second)


def fire_at_rate(url: str, weapon: Weapon, pace: Pace, per_second: float) -> Counter[int]:
    """Each shot at its time, whatever became of those before, unless all connections wait for an answer."""
    statuses: Counter[int] = Counter()
    with guns(url, statuses) as shots:
        began = time.perf_counter()
        for number in range(min(pace.most, round(per_second * pace.seconds))):
            time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            shots.put(weapon.shot(number))
    return statuses


@contextmanager
def guns(url: str, statuses: Counter[int]) -> Iterator[queue.Queue[Shot | None]]:
    """Threads that send what is put into the queue; waits for their last answers."""
    shots: queue.Queue[Shot | None] = queue.Queue(CONNECTIONS)
    lock = threading.Lock()

    def send() -> None:
        gun = Gun(url)
        while (shot := shots.get()) is not None:
            status = gun.status(shot)
            with lock:
                statuses[status] += 1

    threads = [threading.Thread(target=send, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    yield shots
    for _ in threads:
        shots.put(None)
    until = time.monotonic() + LAST_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


class Gun:
    """One thread's connections, one for each client that it plays."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections: dict[tuple[str, str], Connection] = {}

    def status(self, shot: Shot) -> int:
        """The answer's status; 0 when there is none."""
        who = (shot.token, shot.address)
        try:
            if who not in self._connections:
                self._connections[who] = Connection(self._url, shot.token, shot.address)
            body = json.dumps(shot.payload).encode()
            return self._connections[who].request(shot.method, shot.path, body)[0]
        except (OSError, ValueError, IndexError):
            self._connections.pop(who, None)
            return 0


def addresses(network: int, count: int) -> list[str]:
    """So many addresses that no other attack and nobody else has."""
    numbers = itertools.product(range(count // 250 + 1), range(1, 251))
    return [f"10.{network}.{third}.{last}" for third, last in itertools.islice(numbers, count)]
