"""Hashing for a call: a place first, before any other work, then a turn for each hash, without a worker meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog

from chassis import context
from chassis.rpc.places import stepped_aside
from identity_service import errors, metrics
from identity_service.domain.hash_queue import HashQueue, NoPlace, Reason, Ticket, Turn
from identity_service.domain.passwords import Passwords
from identity_service.domain.throttle import Throttle

log = structlog.get_logger()

LATE = "late"
NOTED_SECONDS = 60.0
MOST_NOTED = 1_000


class Hashing:
    """The process's hashing, shared by its calls. Thread-safe."""

    def __init__(self, passwords: Passwords, queue: HashQueue, throttle: Throttle) -> None:
        self.passwords = passwords
        self._queue = queue
        self._throttle = throttle
        self._lock = threading.Lock()
        self._noted = Noted()

    @contextmanager
    def place(self, hashes: int = 1, *, account: str = "") -> Iterator[HashPlace]:
        """Places for a call of the present client; Forbidden or Unavailable, with the time to wait, if there are none.

        Take it before the call costs anything else, and hold no transaction when you hash.
        """
        client, keys = self._throttle.client(context.current().address), self.keys(account)
        now = time.monotonic()
        deadline = now + context.current().seconds_left()
        with self.refusing(), self._lock:
            ticket = self._queue.enter(client, keys, hashes, now=now, deadline=deadline)
        try:
            yield HashPlace(self, ticket)
        finally:
            with self._lock:
                self._queue.leave(ticket)

    def keys(self, account: str) -> list[bytes]:
        """What an account's hashes are counted by; none for nobody."""
        return [self._throttle.account(account)] if account else []

    def need(self, ticket: Ticket, hashes: int, account: str) -> None:
        """See `HashPlace.need`."""
        with self.refusing(), self._lock:
            self._queue.need(ticket, self.keys(account), hashes, time.monotonic())

    def run(self, ticket: Ticket, hash_: Callable[[], Any]) -> Any:
        """What `hash_` returns, in its turn. Unavailable when the call's time is over before that."""
        asked = time.monotonic()
        woken = threading.Event()
        turn = Turn(ticket, woken.set)
        self._change(lambda _: self._queue.line_up(turn))
        try:
            woken.wait(ticket.deadline - asked)
            metrics.hash_waits.observe(time.monotonic() - asked)
            if turn.runs_since is None:
                metrics.hashes_refused.labels(LATE).inc()
                raise context.deadline_exceeded()
            return hash_()
        finally:
            self._change(lambda now: self._queue.end(turn, now))

    def _change(self, change: Callable[[float], None]) -> None:
        now = time.monotonic()
        with self._lock:
            change(now)
            self._queue.call_up(now)
            metrics.hashes_waiting.set(self._queue.waiting)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turns the domain's refusal into what the caller is told; counted, and told to the log once in a while."""
        try:
            yield
        except NoPlace as refusal:
            metrics.hashes_refused.labels(refusal.reason.value).inc()
            address = context.current().address
            if self._noted.is_new(address, time.monotonic()):
                log.warning("hashes.refused", reason=refusal.reason.value, address=address)
            raise told(refusal) from None


def told(refusal: NoPlace) -> Exception:
    """Whoever asked too much themselves is told so; the others that it is nobody's fault."""
    if refusal.reason is Reason.FULL:
        return errors.busy(refusal.wait)
    return errors.too_many_passwords(refusal.wait)


class HashPlace:
    """One call's hashing. The call's worker is another's while it waits and hashes."""

    def __init__(self, hashing: Hashing, ticket: Ticket) -> None:
        self._hashing = hashing
        self._ticket = ticket

    def need(self, hashes: int, *, account: str = "") -> None:
        """The call turns out to need so many in all, and to be this account's; refused as at the beginning."""
        self._hashing.need(self._ticket, hashes, account)

    def hash(self, password: str) -> str:
        """The encoded hash to store."""
        made: str = self._run([partial(self._hashing.passwords.hash, password)])[0]
        return made

    def is_right(self, password: str, stored: str | None) -> bool:
        """Whether `password` belongs to the stored hash. Without one it takes as long and is False."""
        return self.which_are_right(password, [stored])[0]

    def which_are_right(self, password: str, stored: Sequence[str | None]) -> list[bool]:
        """The same of several, a turn for each."""
        return self._run(
            [partial(self._hashing.passwords.is_right, password, one) for one in stored]
        )

    def _run(self, hashes: Sequence[Callable[[], Any]]) -> list[Any]:
        with stepped_aside():
            return [self._hashing.run(self._ticket, one) for one in hashes]


class Noted:
    """Which clients the log was told of lately: each once a minute, and so many in a minute."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._addresses: set[str] = set()

    def is_new(self, address: str, now: float) -> bool:
        """True once per minute and address."""
        if now - self._since >= NOTED_SECONDS:
            self._since, self._addresses = now, set()
        if address in self._addresses or len(self._addresses) >= MOST_NOTED:
            return False
        self._addresses.add(address)
        return True
