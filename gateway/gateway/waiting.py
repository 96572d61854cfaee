"""Is told (by gateway.ear) that assignments were made or ended, and lets a request wait for those of its pairs.

Nothing here is a promise: an event that was missed (a lost connection) only means that the request asks the assignment
service, or answers `pending`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from chassis.events import Event

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

    hears: Mapping[str, Sequence[str]] = {"assignment": (CREATED, ENDED)}

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

    def heard_until(self, moment: float) -> None:
        """Of no use here: who waits asks after a while in any case."""

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
    """Assignments as they are made, and the places to wait for them."""

    def __init__(self, *, at_once: int) -> None:
        self.registry = Registry()
        # With the assignment service away every admin's booking waits its full time; the others need threads too.
        self.places = threading.BoundedSemaphore(at_once)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether there is a place to wait; false at once if too many wait already."""
        has_place = self.places.acquire(blocking=False)
        try:
            yield has_place
        finally:
            if has_place:
                self.places.release()
