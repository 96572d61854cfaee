"""How fast all clients together may go: the system under test must have room to recover."""

from __future__ import annotations

import threading
import time


class Pace:
    """Lets at most `per_second` steps through, evenly; what was not used in time is not saved up."""

    def __init__(self, per_second: float, stop: threading.Event) -> None:
        self._interval = 1.0 / per_second
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> bool:
        """Returns when it is the caller's turn; False, at once, when all is over."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        return not self._stop.wait(max(0.0, turn - time.monotonic()))
