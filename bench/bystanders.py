"""Those who are not attacked: people at their work, somebody who signs in again and again, and a probe."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.figures import Figure, figure
from bench.http import Connection
from bench.world import API, PASSWORD, Organization

WORKERS = 4
PAUSE, SIGN_IN_PAUSE, HEALTH_PAUSE = 0.05, 0.5, 0.1


class Watch:
    """Repeats one request with pauses, and times it. A failed one counts as a failure, and its time too."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._latencies: list[float] = []
        self._failures = 0
        self._since = time.perf_counter()

    def repeat(self, ask: Callable[[], int], pause: float) -> None:
        """Until stopped."""
        while not self.stopped.wait(pause):
            began = time.perf_counter()
            try:
                status = ask()
            except (OSError, ValueError, IndexError):
                status = 0
            with self._lock:
                self._latencies.append(time.perf_counter() - began)
                self._failures += status != 200

    def taken(self) -> Figure:
        """What was measured since the last time."""
        now = time.perf_counter()
        with self._lock:
            latencies, failures = self._latencies, self._failures
            self._latencies, self._failures = [], 0
        elapsed, self._since = now - self._since, now
        return figure(self.name, latencies or [0.0], elapsed, failures=failures)


@dataclass(frozen=True)
class Seen:
    """One phase as those saw it who are not attacked."""

    work: Figure
    sign_in: Figure
    health: Figure

    @property
    def failures(self) -> int:
        """Requests of anybody that did not go well."""
        return self.work.failures + self.sign_in.failures + self.health.failures

    def __str__(self) -> str:
        lines = [
            f"  {one.name}: {one.count} answers, {one.failures} failed, p50 {one.p50:.1f} ms, "
            f"p99 {one.p99:.1f} ms"
            for one in (self.work, self.sign_in, self.health)
        ]
        return "\n".join(lines)


class Bystanders:
    """What they have seen."""

    def __init__(self) -> None:
        self.work = Watch("people at their work")
        self.sign_in = Watch("somebody who signs in")
        self.health = Watch("/healthz")

    def taken(self) -> Seen:
        """Since the last time."""
        return Seen(self.work.taken(), self.sign_in.taken(), self.health.taken())

    def stop(self) -> None:
        """No more requests."""
        for watch in (self.work, self.sign_in, self.health):
            watch.stopped.set()


@contextmanager
def bystanders(organization: Organization, login: str) -> Iterator[Bystanders]:
    """Each an address and a connection of their own; `login` is who signs in."""
    people = Bystanders()
    url, token = organization.url, organization.token
    jobs = [(people.work, works(url, token, number), PAUSE) for number in range(WORKERS)]
    jobs += [
        (people.sign_in, signs_in_as(url, login, "203.0.113.200"), SIGN_IN_PAUSE),
        (people.health, asks_for_health(url), HEALTH_PAUSE),
    ]
    threads = [threading.Thread(target=watch.repeat, args=job) for watch, *job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield people
    finally:
        people.stop()
        for thread in threads:
            thread.join()


def works(url: str, token: str, number: int) -> Callable[[], int]:
    """Somebody who looks at the list of people."""
    connection = Connection(url, token, address=f"203.0.113.{number + 1}")
    return lambda: connection.request("GET", f"{API}/users?limit=20")[0]


def signs_in_as(url: str, login: str, address: str) -> Callable[[], int]:
    """Somebody with the right password."""
    connection = Connection(url, address=address)
    body = json.dumps({"login": login, "password": PASSWORD}).encode()
    return lambda: connection.request("POST", f"{API}/auth/login", body)[0]


def asks_for_health(url: str) -> Callable[[], int]:
    """Who decides whether the process is started anew."""
    parts = urlsplit(url)
    connection = Connection(f"{parts.scheme}://{parts.netloc}")
    return lambda: connection.request("GET", "/healthz")[0]
