"""Calls that may wait for a password's hash: few enough at once that there are threads for all others.

A client holds no more places than are left for others, as in identity's queue: one alone has half of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chassis.errors import Forbidden, Unavailable
from gateway.metrics import costly_refused
from gateway.refusals import TOO_MANY

SOON = {"retry_after": 1}


class CostlyPlaces:
    """The places of one process. Thread-safe."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """Holds a place for the block; refused at once when there is none for this client."""
        self._take(client)
        try:
            yield
        finally:
            self._give_back(client)

    def _take(self, client: str) -> None:
        with self._lock:
            held = self._held[client]
            if held + 1 > self._free - 1:
                raise refusal(is_own_crowd=held > 0)
            self._free -= 1
            self._held[client] += 1

    def _give_back(self, client: str) -> None:
        with self._lock:
            self._free += 1
            self._held[client] -= 1
            if not self._held[client]:
                del self._held[client]


def refusal(*, is_own_crowd: bool) -> Forbidden | Unavailable:
    """As identity says it."""
    costly_refused.labels("share" if is_own_crowd else "full").inc()
    if is_own_crowd:
        detail = "Too many passwords to check or to set at once; wait a little and try again."
        return Forbidden(TOO_MANY, detail, data=SOON)
    detail = "Very many people are signing in at the moment; try again."
    return Unavailable("identity.busy", detail, data=SOON)
