"""The places in which calls are at work: so many at once, the others in the order in which they came.

A call that waits for something else than the processor or the database, a costly computation in another thread say,
steps aside: its place goes to the next, and it lines up for one when it goes on. How many step aside at once is for the
service to bound: it is told how many more requests it may be sent (`ServiceBase.waiting_room`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chassis import context

# Takes the place that was free for it; False if there is no need of it any more.
Go = Callable[[], bool]


class Places:
    """`count` places. For the threads of one event loop, or for real ones."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[Go] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def ask(self, go: Go) -> None:
        """Calls `go` now, or behind all who wait already."""
        self._waiting.append(go)
        self._hand_on()

    def give_back(self) -> None:
        """The place is free; the next takes it within this call."""
        with self._lock:
            self._free += 1
        self._hand_on()

    def _hand_on(self) -> None:
        """Who declines has never had the place. `go` runs without the lock, as it may give back or ask itself."""
        while (go := self._next()) is not None:
            if not go():
                with self._lock:
                    self._free += 1

    def _next(self) -> Go | None:
        with self._lock:
            if self._free and self._waiting:
                self._free -= 1
                return self._waiting.popleft()
            return None


class Place:
    """One call's place, from its start to its end, with the times in between when it is another's."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._is_held = True

    def end(self) -> None:
        """The call is over. Gives back what is held, once."""
        if self._is_held:
            self._is_held = False
            self._places.give_back()

    @contextmanager
    def stepped_aside(self) -> Iterator[None]:
        """Without the place for the block, and with one again behind it, also behind an error.

        Whoever is killed (GreenletExit is no Exception) takes none again.
        """
        if not self._is_held:
            yield
            return
        self.end()
        try:
            yield
        except Exception:
            self._take()
            raise
        self._take()

    def _take(self) -> None:
        mine = _Turn()
        self._places.ask(mine.come)
        try:
            mine.has_come.wait()
        except BaseException:
            if not mine.decline():
                self._places.give_back()
            raise
        self._is_held = True


class _Turn:
    """Waits in line; who leaves it before their turn declines the place that they are offered later."""

    def __init__(self) -> None:
        self.has_come = threading.Event()
        self._lock = threading.Lock()
        self._is_declined = False

    def come(self) -> bool:
        with self._lock:
            if not self._is_declined:
                self.has_come.set()
            return not self._is_declined

    def decline(self) -> bool:
        """False if the turn had come already."""
        with self._lock:
            self._is_declined = not self.has_come.is_set()
            return self._is_declined


@contextmanager
def stepped_aside() -> Iterator[None]:
    """The present call's place is another's meanwhile. Outside of any call there is none to give away.

    Nothing that others need may be held in the block: no transaction, no connection, no lock.
    """
    call = context.current_or_none()
    if call is None or call.place is None:
        yield
        return
    with call.place.stepped_aside():
        yield
