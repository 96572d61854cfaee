"""Hears that assignments were made or ended, and lets a request wait for those of its pairs.

One thread per process reads the assignment service's events from a queue of its own. Nothing here is a promise: an
event that was missed (a lost connection) only means that the request asks the assignment service, or answers `pending`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import structlog

from chassis import topology
from chassis.connections import RECOVERABLE, abandoned, opened
from chassis.events import Event, UnreadableEvent, decode

log = structlog.get_logger()

CREATED = "assignment_created"
ENDED = "assignment_ended"


# Pairs whose assignment is remembered, so that booking them again need not wait or ask.
REMEMBERED = 20_000


class Pair(NamedTuple):
    """An instructor and a student of one organization; ids as the bus writes them."""

    organization_id: str
    instructor_id: str
    student_id: str


class Expectation:
    """The pairs one request waits for, and the ids of the assignments seen so far."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.pairs = frozenset(pairs)
        self.seen: dict[Pair, str] = {}
        self._complete = threading.Event()
        if not self.pairs:
            self._complete.set()

    def see(self, pair: Pair, assignment_id: str) -> None:
        """Notes that `pair` is assigned."""
        self.seen[pair] = assignment_id
        if len(self.seen) == len(self.pairs):
            self._complete.set()

    @property
    def is_complete(self) -> bool:
        """Whether every pair was seen."""
        return self._complete.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether every pair was seen within `seconds`."""
        return self._complete.wait(max(0.0, seconds))


class Registry:
    """Who waits for which pair, and which pairs are known to be assigned. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Pair, list[Expectation]] = {}
        self._known: OrderedDict[Pair, str] = OrderedDict()

    @contextmanager
    def expecting(self, pairs: Iterable[Pair]) -> Iterator[Expectation]:
        """An expectation that is told of what happens within the block."""
        expectation = Expectation(pairs)
        with self._lock:
            for pair in expectation.pairs:
                self._waiting.setdefault(pair, []).append(expectation)
        try:
            yield expectation
        finally:
            with self._lock:
                self._remove(expectation)

    def _remove(self, expectation: Expectation) -> None:
        for pair in expectation.pairs:
            waiting = self._waiting[pair]
            waiting.remove(expectation)
            if not waiting:
                del self._waiting[pair]

    def tell(self, event: Event) -> None:
        """Tells everyone who waits for one of the event's assignments; remembers, or forgets, what it says."""
        organization = str(event.organization_id)
        for assignment in event.data["assignments"]:
            pair = Pair(organization, assignment["instructor_id"], assignment["student_id"])
            if event.name == ENDED:
                self.forget(pair, assignment["id"])
            else:
                self.learn(pair, assignment["id"])

    def learn(self, pair: Pair, assignment_id: str) -> None:
        """`pair` is assigned."""
        with self._lock:
            for expectation in self._waiting.get(pair, ()):
                expectation.see(pair, assignment_id)
            self._known[pair] = assignment_id
            self._known.move_to_end(pair)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def forget(self, pair: Pair, assignment_id: str | None = None) -> None:
        """`pair` is not assigned any more; with an id, only if that is the assignment it is known for."""
        with self._lock:
            if assignment_id in (None, self._known.get(pair)):
                self._known.pop(pair, None)

    def forget_all(self) -> None:
        """Events may have been missed."""
        with self._lock:
            self._known.clear()

    def recall(self, expectation: Expectation) -> None:
        """Tells `expectation` of the pairs that were assigned already, as far as it is known here.

        Good enough to say so in the answer to a booking, which assigns the pair in any case; never to allow anything.
        """
        with self._lock:
            for pair in expectation.pairs & self._known.keys():
                expectation.see(pair, self._known[pair])


class Arrivals:
    """The process's ear for assignments. `start` is idempotent and must come after a fork."""

    def __init__(self, amqp_url: str, *, at_once: int) -> None:
        self.registry = Registry()
        # With the assignment service away every admin's booking waits its full time; the others need threads too.
        self.places = threading.BoundedSemaphore(at_once)
        self._url = amqp_url
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def start(self) -> None:
        """Starts listening."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._listen_forever, name="assignments-made", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Ends the thread and its connection."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether there is a place to wait; false at once if too many wait already."""
        has_place = self.places.acquire(blocking=False)
        try:
            yield has_place
        finally:
            if has_place:
                self.places.release()

    def _listen_forever(self) -> None:
        delay = 0.1
        while not self._closing.is_set():
            started = time.monotonic()
            try:
                self._listen_until_lost()
            except RECOVERABLE as error:
                log.warning("arrivals.lost", error=type(error).__name__)
            except Exception:
                log.exception("arrivals.failed")
            self.registry.forget_all()
            delay = 0.1 if time.monotonic() - started > 5 else min(delay * 2, 2.0)
            self._closing.wait(delay)

    def _listen_until_lost(self) -> None:
        connection = opened(self._url, heartbeat=10)
        try:
            channel = connection.channel()
            queue = self._declare(channel)
            channel.basic_consume(queue, no_ack=True, callback=self._on_message)
            while not self._closing.is_set():
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=1)
                connection.heartbeat_check()
        finally:
            abandoned(connection)

    @staticmethod
    def _declare(channel: Any) -> str:
        exchange = topology.events_exchange("assignment")
        # The assignment service may never have been started yet.
        exchange(channel).declare()
        queue: str = channel.queue_declare("", exclusive=True, auto_delete=True).queue
        for name in (CREATED, ENDED):
            channel.queue_bind(queue, exchange.name, name)
        return queue

    def _on_message(self, message: Any) -> None:
        try:
            self.registry.tell(decode(message.body))
        except (UnreadableEvent, KeyError, TypeError) as error:
            log.error("arrivals.unreadable", error=type(error).__name__)
