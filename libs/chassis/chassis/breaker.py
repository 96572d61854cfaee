"""Failing fast while a service is down, so that calls to it don't use up every thread until their deadlines."""

from __future__ import annotations

import threading
import time

from chassis.errors import Unavailable

TIMEOUTS_TO_OPEN = 3
SECONDS_BETWEEN_TRIES = 0.5

# A caller that had less time than this left says nothing about the service.
MEANINGFUL_SECONDS = 1.0


class Breaker:
    """Counts a service's time-outs in a row. After a few, it lets one call through every half second."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._timeouts = 0
        self._next_try = 0.0

    def check(self) -> None:
        """Unavailable if the service let the last calls wait in vain and it is not yet time to try again."""
        if self._timeouts < TIMEOUTS_TO_OPEN:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                raise Unavailable("service.down", f"The {self._service} service does not answer.")
            self._next_try = now + SECONDS_BETWEEN_TRIES

    def answered(self) -> None:
        """The service lives, whatever it answered."""
        self._timeouts = 0

    def timed_out(self, seconds: float) -> None:
        """A call waited that long for nothing."""
        if seconds >= MEANINGFUL_SECONDS:
            self._timeouts += 1
