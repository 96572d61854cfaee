"""`bin/bench attack`: thousands of wrong logins in a row, what others feel of it, and whether the owner still gets in.

Everybody has an address of their own: the gateway is told to count on one proxy, whose header the clients write.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.crowd import SPAWN
from bench.figures import Figure, figure
from bench.http import Connection
from bench.system import Measured, fresh
from bench.world import API, PASSWORD, Organization, sign_up
from local_runner.errors import CannotStart

HOME, ELSEWHERE = "198.51.100.7", "198.51.100.200"
SETTINGS = {"RATE_LIMIT_SCALE": "1", "TRUSTED_PROXIES": "1"}
BYSTANDERS = 4
PAUSE = 0.05
# How much slower others may get, at the 99th percentile.
MOST_SLOWER = 2.0


@dataclass
class Guessing:
    """What the attackers were told, and how long they took."""

    answers: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """1 when the owner did not get in, or others were slowed too much."""
    options = parse(arguments)
    print("Starting a system of its own ...", flush=True)
    with fresh(**SETTINGS) as measured:
        return attack(measured, options)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bin/bench attack", description=__doc__)
    parser.add_argument("--guesses", type=int, default=10_000, help="wrong logins (default 10000)")
    parser.add_argument("--clients", type=int, default=1, help="attackers at once (default 1)")
    parser.add_argument(
        "--addresses", type=int, default=1, help="of each attacker, in turn (default 1)"
    )
    parser.add_argument("--quiet-seconds", type=float, default=20, help="before (default 20)")
    return parser.parse_args(arguments)


def attack(measured: Measured, options: argparse.Namespace) -> int:
    """Measures others before and meanwhile, and signs the owner in afterwards."""
    victim, owner = owner_of_an_organization(measured)
    with bystanders(victim) as others:
        time.sleep(options.quiet_seconds)
        before = others.taken("before")
        guessing = guess(measured.url, owner, options)
        during = others.taken("meanwhile")
    status, milliseconds = signs_in(measured.url, owner, HOME)
    for one in (before, during):
        print(f"{one.name}: {one.count} answers, p50 {one.p50:.1f} ms, p99 {one.p99:.1f} ms")
    slower = during.p99 / before.p99 if before.p99 else 0.0
    told = ", ".join(f"{count:,} x {status}" for status, count in sorted(guessing.answers.items()))
    rate = sum(guessing.answers.values()) / guessing.seconds
    print(f"guesses: {told}; {rate:,.0f} per second")
    print(f"others' p99 meanwhile: {slower:.2f} x before (at most {MOST_SLOWER})")
    print(f"the owner's sign-in afterwards: {status} in {milliseconds:.0f} ms")
    return 0 if status == 200 and slower <= MOST_SLOWER and not during.failures else 1


def owner_of_an_organization(measured: Measured) -> tuple[Organization, str]:
    """A fresh organization, and the login of its owner, who has signed in from home before."""
    organization = sign_up(measured)
    login = organization.api.call("GET", f"{API}/me")["email"]
    status, _ = signs_in(measured.url, login, HOME)
    if status != 200:
        raise RuntimeError(f"the owner could not sign in: {status}")
    return organization, login


def signs_in(url: str, login: str, address: str) -> tuple[int, float]:
    """The answer's status, and the milliseconds it took."""
    body = json.dumps({"login": login, "password": PASSWORD}).encode()
    began = time.perf_counter()
    status, _ = Connection(url, address=address).request("POST", f"{API}/auth/login", body)
    return status, (time.perf_counter() - began) * 1000


class Bystanders:
    """People who go on with their work, not too fast."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies: list[float] = []
        self._failures = 0
        self._since = time.perf_counter()
        self.stopped = threading.Event()

    def work(self, connection: Connection) -> None:
        """One of them."""
        while not self.stopped.wait(PAUSE):
            began = time.perf_counter()
            status, _ = connection.request("GET", f"{API}/users?limit=20")
            with self._lock:
                self._latencies.append(time.perf_counter() - began)
                self._failures += status != 200

    def taken(self, name: str) -> Figure:
        """What was measured since the last time."""
        with self._lock:
            latencies, failures = self._latencies, self._failures
            self._latencies, self._failures = [], 0
        elapsed, self._since = time.perf_counter() - self._since, time.perf_counter()
        return figure(name, latencies, elapsed, failures=failures)


@contextmanager
def bystanders(organization: Organization) -> Iterator[Bystanders]:
    """Each an address and a connection of their own."""
    people = Bystanders()
    threads = [
        threading.Thread(
            target=people.work,
            args=(
                Connection(organization.url, organization.token, address=f"203.0.113.{number + 1}"),
            ),
        )
        for number in range(BYSTANDERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield people
    finally:
        people.stopped.set()
        for thread in threads:
            thread.join()


def guess(url: str, login: str, options: argparse.Namespace) -> Guessing:
    """All the guesses, from processes of their own so that they don't slow the measuring down."""
    shares = [
        (url, login, number, options.guesses // options.clients, options.addresses)
        for number in range(options.clients)
    ]
    began = time.perf_counter()
    with SPAWN.Pool(options.clients) as pool:
        answers = sum(pool.starmap(guess_in_a_row, shares), Counter[int]())
    return Guessing(answers, time.perf_counter() - began)


def guess_in_a_row(url: str, login: str, number: int, guesses: int, addresses: int) -> Counter[int]:
    """One attacker's statuses."""
    connections = [
        Connection(url, address=f"192.0.2.{1 + (number * addresses + n) % 254}")
        for n in range(addresses)
    ]
    answers: Counter[int] = Counter()
    for attempt in range(guesses):
        body = json.dumps({"login": login, "password": f"wrong password {number} {attempt}"})
        connection = connections[attempt % addresses]
        status, _ = connection.request("POST", f"{API}/auth/login", body.encode())
        answers[status] += 1
    return answers


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as error:
        sys.exit(f"bin/bench: {error}")
