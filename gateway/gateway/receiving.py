"""Places for receiving large bodies: a client that sends slowly holds a thread, so few may do that at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

RETRY_AFTER = 2


class Receiving:
    """`at_once` places in all, `per_client` for each client."""

    def __init__(self, at_once: int, per_client: int) -> None:
        self._at_once = at_once
        self._per_client = per_client
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """Holds a place for the block; ServiceUnavailable at once when there is none."""
        with self._lock:
            if self._held.total() >= self._at_once or self._held[client] >= self._per_client:
                raise ServiceUnavailable(
                    "Too much is being uploaded at the moment; try again.", retry_after=RETRY_AFTER
                )
            self._held[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[client] -= 1
                if not self._held[client]:
                    del self._held[client]
